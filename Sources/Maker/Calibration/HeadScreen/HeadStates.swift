import Bundle
import Decoding
import Evaluation
import Kernels
import Model
import Runtime
import Storage

/// States that a bundle's head reads on a text, at a few precisions, and the likeliest tokens after some of them.
struct HeadStates {
    /// Tokens whose likeliest rows are remembered.
    struct Known {
        let state: [Float]
        let bits: Int
        /// Of the largest logits, largest first.
        let rows: [Int]
    }

    /// What directions are made of.
    private(set) var directions: StateDirections
    /// What a screen is tried on.
    private(set) var known: [Known] = []

    static let rankLimit = 64

    /// Every second sequence gives directions, the others are what a screen has not seen. Every precision reads sequences of its own,
    /// spread over all there are.
    /// - Parameter sequences: at least two.
    init(
        _ bundle: Bundle, sequences: [[Int]], pool: ThreadPool, update: (Double) -> Void
    ) throws(TaperError) {
        let weights = try TransformerWeights(bundle, headScreens: [])
        let columns = bundle.manifest.model.hiddenSize
        directions = StateDirections(columns: columns)
        let contextLength = sequences.reduce(1) { max($0, $1.count) }
        let engine = try Engine(weights, contextLength: contextLength, pool: pool)
        let precisions = HeadStates.precisions(bundle.manifest)
        var done = 0.0
        for isKnown in [false, true] {
            let half = sequences.enumerated().filter { ($0.offset % 2 == 1) == isKnown }.map(\.element)
            let quota =
                (isKnown ? HeadScreenCost.knownTokens : HeadScreenCost.directionTokens) / precisions.count
            for (order, bits) in precisions.enumerated() {
                var left = quota
                for tokens in HeadStates.share(order, of: precisions.count, quota: quota, in: half) where left > 0 {
                    try Interrupt.check("Run the same command again to go on")
                    let tokens = tokens.prefix(left)
                    left -= tokens.count
                    var rows = Rows<TokenSequence>()
                    rows.append(tokens, to: try engine.makeSequence(), wanting: .all)
                    let failures = try engine.run(rows, bits: bits) { wanted in
                        for (place, row) in wanted.enumerated() {
                            let state = UnsafeBufferPointer(start: engine.headInputs + place * columns, count: columns)
                            if isKnown {
                                let likeliest = likeliestTokens(row.logits, HeadStates.rankLimit)
                                known.append(Known(state: Array(state), bits: bits.roundedDown, rows: likeliest))
                            } else {
                                directions.add(state)
                            }
                        }
                    }
                    if let failure = failures.first { throw failure.error }
                }
                done += 1
                update(done / Double(2 * precisions.count))
            }
        }
    }

    /// Sequences of about `quota` tokens in all, evenly over the list, that no other share has where there are enough.
    static func share(_ order: Int, of shares: Int, quota: Int, in list: [[Int]]) -> [[Int]] {
        guard let longest = list.map(\.count).max(), longest > 0 else { return [] }
        let count = min((quota + longest - 1) / longest, max(1, list.count / shares))
        let slots = count * shares
        return (0..<count).map { list[min(list.count - 1, ($0 * shares + order) * list.count / slots)] }
    }

    /// The lowest nested precision, the highest, and one between.
    private static func precisions(_ manifest: Manifest) -> [Precision] {
        let all = manifest.nestedPrecisions
        return Set([all.first, all.last, all[all.count / 2]].compactMap { $0 }).sorted().map { Precision(bits: $0) }
    }
}
