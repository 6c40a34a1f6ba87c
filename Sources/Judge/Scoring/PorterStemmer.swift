/// The Porter stemmer (Porter 1980) with the extensions that nltk's default mode adds and `rouge_score` uses.
enum PorterStemmer {
    private static let irregular: [String: String] = [
        "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
        "innings": "inning",
        "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
        "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
    ]

    /// `word` in lower case.
    static func stem(_ word: String) -> String {
        if let known = irregular[word] { return known }
        var letters = Array(word.utf8)
        if letters.count <= 2 { return word }
        letters = step1c(step1b(step1a(letters)))
        letters = step5b(step5a(step4(step3(step2(letters)))))
        return String(decoding: letters, as: UTF8.self)
    }

    private typealias Letters = [UInt8]

    private static func isConsonant(_ word: Letters, _ index: Int) -> Bool {
        switch word[index] {
        case 0x61, 0x65, 0x69, 0x6f, 0x75: false
        case 0x79: index == 0 ? true : !isConsonant(word, index - 1)
        default: true
        }
    }

    /// Number of vowel-consonant sequences.
    private static func measure(_ stem: Letters) -> Int {
        var count = 0
        var wasVowel = false
        for index in stem.indices {
            let consonant = isConsonant(stem, index)
            if consonant && wasVowel { count += 1 }
            wasVowel = !consonant
        }
        return count
    }

    private static func hasVowel(_ stem: Letters) -> Bool { stem.indices.contains { !isConsonant(stem, $0) } }

    private static func endsDouble(_ word: Letters) -> Bool {
        word.count >= 2 && word[word.count - 1] == word[word.count - 2] && isConsonant(word, word.count - 1)
    }

    private static func endsCVC(_ word: Letters) -> Bool {
        let n = word.count
        if n >= 3, isConsonant(word, n - 3), !isConsonant(word, n - 2), isConsonant(word, n - 1) {
            return ![0x77, 0x78, 0x79].contains(word[n - 1])
        }
        return n == 2 && !isConsonant(word, 0) && isConsonant(word, 1)
    }

    private static func ends(_ word: Letters, _ suffix: String) -> Letters? {
        let tail = Array(suffix.utf8)
        return word.count >= tail.count && Array(word.suffix(tail.count)) == tail
            ? Array(word.dropLast(tail.count)) : nil
    }

    private static func with(_ stem: Letters, _ suffix: String) -> Letters { stem + Array(suffix.utf8) }

    /// The first rule whose suffix fits decides, whether or not its condition holds.
    private static func apply(
        _ word: Letters, _ rules: [(suffix: String, replacement: String)], where condition: (Letters, String) -> Bool
    ) -> Letters {
        for rule in rules {
            guard let stem = ends(word, rule.suffix) else { continue }
            return condition(stem, rule.suffix) ? with(stem, rule.replacement) : word
        }
        return word
    }

    private static func step1a(_ word: Letters) -> Letters {
        if word.count == 4, let stem = ends(word, "ies") { return with(stem, "ie") }
        return apply(word, [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")]) { _, _ in true }
    }

    private static func step1b(_ word: Letters) -> Letters {
        if let stem = ends(word, "ied") { return with(stem, word.count == 4 ? "ie" : "i") }
        if let stem = ends(word, "eed") { return measure(stem) > 0 ? with(stem, "ee") : word }
        var rest: Letters?
        for suffix in ["ed", "ing"] {
            if let stem = ends(word, suffix), hasVowel(stem) {
                rest = stem
                break
            }
        }
        guard let stem = rest else { return word }
        for (suffix, replacement) in [("at", "ate"), ("bl", "ble"), ("iz", "ize")] {
            if let inner = ends(stem, suffix) { return with(inner, replacement) }
        }
        if endsDouble(stem) {
            return [0x6c, 0x73, 0x7a].contains(stem[stem.count - 1]) ? stem : Array(stem.dropLast())
        }
        return measure(stem) == 1 && endsCVC(stem) ? with(stem, "e") : stem
    }

    private static func step1c(_ word: Letters) -> Letters {
        guard let stem = ends(word, "y") else { return word }
        return stem.count > 1 && isConsonant(stem, stem.count - 1) ? with(stem, "i") : word
    }

    private static func step2(_ word: Letters) -> Letters {
        if let stem = ends(word, "alli"), measure(stem) > 0 { return step2(with(stem, "al")) }
        if let stem = ends(word, "logi") {
            // The l belongs to the measured stem.
            return measure(with(stem, "l")) > 0 ? with(stem, "log") : word
        }
        return apply(
            word,
            [
                ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
                ("bli", "ble"),
                ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"),
                ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
                ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
            ]
        ) { stem, _ in measure(stem) > 0 }
    }

    private static func step3(_ word: Letters) -> Letters {
        apply(
            word,
            [
                ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""),
                ("ness", ""),
            ]
        ) { stem, _ in measure(stem) > 0 }
    }

    private static func step4(_ word: Letters) -> Letters {
        let suffixes = [
            "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
            "iti", "ous", "ive", "ize",
        ]
        return apply(word, suffixes.map { ($0, "") }) { stem, suffix in
            guard measure(stem) > 1 else { return false }
            guard suffix == "ion" else { return true }
            return [0x73, 0x74].contains(stem.last ?? 0)
        }
    }

    private static func step5a(_ word: Letters) -> Letters {
        guard let stem = ends(word, "e") else { return word }
        let m = measure(stem)
        return m > 1 || (m == 1 && !endsCVC(stem)) ? stem : word
    }

    private static func step5b(_ word: Letters) -> Letters {
        guard ends(word, "ll") != nil, measure(Array(word.dropLast())) > 1 else { return word }
        return Array(word.dropLast())
    }
}
