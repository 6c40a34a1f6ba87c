/// What a misspelt word most likely means: the candidate that fewest edits lead to; nil where more than a third of its letters
/// would change.
public func nearestWord(to word: String, among candidates: [String]) -> String? {
    let bytes = Array(word.utf8)
    // A long unknown word is like no other.
    if bytes.count > 64 { return nil }
    var best: String?
    var bestDistance = max(1, bytes.count / 3) + 1
    for candidate in candidates {
        let distance = editDistance(bytes, Array(candidate.utf8))
        if distance < bestDistance { (best, bestDistance) = (candidate, distance) }
    }
    return best
}

/// Levenshtein's distance.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
            diagonal = above
        }
    }
    return row[right.count]
}
