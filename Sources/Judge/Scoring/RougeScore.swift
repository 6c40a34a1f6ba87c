/// ROUGE-N and ROUGE-L F-measures (Lin 2004), with the tokenisation of the `rouge_score` package: lower case, everything
/// but ASCII letters and digits is a separator; words of more than three letters are stemmed when asked.
public enum RougeScore {
    public static func tokens(_ text: String, stemming: Bool = false) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        func flush() {
            if word.isEmpty { return }
            let text = String(decoding: word, as: UTF8.self)
            words.append(stemming && word.count > 3 ? PorterStemmer.stem(text) : text)
            word = []
        }
        // Python lowers the whole text first, so that characters whose lower case is ASCII count.
        for byte in text.lowercased().utf8 {
            if (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) { word.append(byte) } else { flush() }
        }
        flush()
        return words
    }

    /// Harmonic mean of recall and precision; zero when nothing matches.
    static func fMeasure(_ matches: Int, _ targetCount: Int, _ predictionCount: Int) -> Double {
        guard matches > 0 else { return 0 }
        let precision = Double(matches) / Double(max(predictionCount, 1))
        let recall = Double(matches) / Double(max(targetCount, 1))
        return 2 * precision * recall / (precision + recall)
    }

    /// F-measure of the longest common subsequence of words.
    public static func rougeL(target: String, prediction: String, stemming: Bool = false) -> Double {
        rougeL(target: tokens(target, stemming: stemming), prediction: tokens(prediction, stemming: stemming))
    }

    public static func rougeL<Word: Hashable>(target: [Word], prediction: [Word]) -> Double {
        if target.isEmpty || prediction.isEmpty { return 0 }
        var previous = [Int](repeating: 0, count: prediction.count + 1)
        var current = previous
        for word in target {
            for (index, other) in prediction.enumerated() {
                current[index + 1] = word == other ? previous[index] + 1 : max(current[index], previous[index + 1])
            }
            swap(&previous, &current)
        }
        return fMeasure(previous[prediction.count], target.count, prediction.count)
    }

    /// F-measure of common n-grams, each counted at most as often as in the target.
    public static func rougeN(_ n: Int, target: String, prediction: String, stemming: Bool = false) -> Double {
        rougeN(n, target: tokens(target, stemming: stemming), prediction: tokens(prediction, stemming: stemming))
    }

    static func rougeN(_ n: Int, target: [String], prediction: [String]) -> Double {
        func grams(_ words: [String]) -> [ArraySlice<String>: Int] {
            var counts: [ArraySlice<String>: Int] = [:]
            if words.count >= n {
                for start in 0...words.count - n { counts[words[start..<start + n], default: 0] += 1 }
            }
            return counts
        }
        let targetGrams = grams(target)
        let predictedGrams = grams(prediction)
        let matches = targetGrams.reduce(0) { $0 + min($1.value, predictedGrams[$1.key] ?? 0) }
        return fMeasure(matches, max(target.count - n + 1, 0), max(prediction.count - n + 1, 0))
    }

    /// What is counted.
    public enum Kind: Sendable {
        /// Common n-grams.
        case grams(Int)
        /// Longest common subsequence of words.
        case subsequence
    }

    /// F-measure against the reference that gives the largest one, as the package's `score_multi`.
    public static func best(
        _ kind: Kind, references: [String], prediction: String, stemming: Bool = false
    ) -> Double {
        let words = tokens(prediction, stemming: stemming)
        return references.reduce(0) { best, reference in
            let target = tokens(reference, stemming: stemming)
            switch kind {
            case .grams(let n): return max(best, rougeN(n, target: target, prediction: words))
            case .subsequence: return max(best, rougeL(target: target, prediction: words))
            }
        }
    }
}
