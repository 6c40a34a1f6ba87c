/// Tokens of the `count` largest logits, largest first, the first among equals.
public func likeliestTokens(_ logits: UnsafeMutableBufferPointer<Float>, _ count: Int) -> [Int] {
    var found: [(logit: Float, token: Int)] = []
    for (token, logit) in logits.enumerated() {
        if found.count == count {
            guard logit > found[count - 1].logit else { continue }
            found.removeLast()
        }
        found.insert((logit, token), at: found.firstIndex { logit > $0.logit } ?? found.count)
    }
    return found.map(\.token)
}
