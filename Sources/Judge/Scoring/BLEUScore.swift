import Storage

/// What one answer contributes to BLEU (Papineni et al. 2002): counts that are added over examples before anything is divided.
public struct BLEUCounts: Sendable, Equatable {
    /// Longest n-gram counted.
    public static let order = 4

    /// n-grams of the answer that stand in a reference too, each at most as often as in the reference with most of it;
    /// [n - 1], n from 1 to `order`.
    public var matches = [Int](repeating: 0, count: BLEUCounts.order)
    /// n-grams of the answer.
    public var totals = [Int](repeating: 0, count: BLEUCounts.order)
    public var answerLength = 0
    /// Length of the reference closest to the answer's, the shorter of two equally close.
    public var referenceLength = 0

    public init() {}

    /// Counts of an answer on 13a tokens, case kept.
    public init(answer: String, references: [String]) {
        precondition(!references.isEmpty, "BLEU needs a reference")
        // Words are compared byte by byte: Swift's strings take canonically equivalent ones for equal.
        var numbers: [[UInt8]: Int] = [:]
        func words(_ text: String) -> [Int] {
            TokenizationV13a.tokens(text).map { word in
                let bytes = Array(word.utf8)
                let number = numbers[bytes] ?? numbers.count
                numbers[bytes] = number
                return number
            }
        }
        let answer = words(answer)
        var available: [ArraySlice<Int>: Int] = [:]
        var lengths: [Int] = []
        for reference in references {
            let target = words(reference)
            available.merge(BLEUCounts.grams(target)) { max($0, $1) }
            lengths.append(target.count)
        }
        answerLength = answer.count
        referenceLength = lengths.min { (abs($0 - answer.count), $0) < (abs($1 - answer.count), $1) } ?? 0
        for (gram, count) in BLEUCounts.grams(answer) {
            totals[gram.count - 1] += count
            matches[gram.count - 1] += min(count, available[gram] ?? 0)
        }
    }

    /// How often every n-gram stands in a text. Slices are equal when their elements are, wherever they stand.
    private static func grams(_ words: [Int]) -> [ArraySlice<Int>: Int] {
        var counts: [ArraySlice<Int>: Int] = [:]
        for length in 1...order where words.count >= length {
            for start in 0...words.count - length { counts[words[start..<start + length], default: 0] += 1 }
        }
        return counts
    }

    public static func += (sum: inout BLEUCounts, other: BLEUCounts) {
        for index in 0..<order {
            sum.matches[index] += other.matches[index]
            sum.totals[index] += other.totals[index]
        }
        sum.answerLength += other.answerLength
        sum.referenceLength += other.referenceLength
    }
}

extension BLEUCounts {
    /// What stands in for a precision without matches.
    public enum Smoothing: Sendable {
        /// Nothing: the score is zero.
        case none
        /// 1 / (2^k total) for the k-th one: method 3 of Chen and Cherry 2014, the default of `sacrebleu`.
        case exponential
    }

    /// BLEU from 0 to 100: geometric mean of the n-gram precisions times the brevity penalty
    /// exp(1 - reference / answer) of answers shorter than their references.
    ///
    /// - Parameter effectiveOrder: leave out lengths of which the answer has no n-gram; for single sentences.
    public func score(_ smoothing: Smoothing, effectiveOrder: Bool = false) -> Double {
        guard matches.contains(where: { $0 > 0 }) else { return 0 }
        let penalty =
            answerLength < referenceLength ? exponential(1 - Double(referenceLength) / Double(answerLength)) : 1
        var precisions = [Double](repeating: 0, count: BLEUCounts.order)
        var lengths = BLEUCounts.order
        var halving = 1.0
        for index in 0..<BLEUCounts.order where totals[index] > 0 {
            if effectiveOrder { lengths = index + 1 }
            if matches[index] > 0 {
                precisions[index] = 100 * Double(matches[index]) / Double(totals[index])
            } else if smoothing == .exponential {
                halving *= 2
                precisions[index] = 100 / (halving * Double(totals[index]))
            }
        }
        guard precisions.prefix(lengths).allSatisfy({ $0 > 0 }) else { return 0 }
        return penalty * exponential(precisions.prefix(lengths).reduce(0) { $0 + logarithm($1) } / Double(lengths))
    }

    /// How a SacreBLEU figure was made, in the form of the `sacrebleu` package's signatures.
    ///
    /// - Parameter referenceCounts: number of references of every example.
    public static func signature(referenceCounts: [Int]) -> String {
        let kinds = Set(referenceCounts)
        let references = kinds.count == 1 ? String(kinds.first ?? 0) : "var"
        return "nrefs:\(references)|case:mixed|eff:no|tok:13a|smooth:exp|version:compatible-with-2.6.0"
    }
}
