import Evaluation
import Model
import Runtime
import Storage

/// Speed of single decode steps at every precision: what the speed of a schedule follows from.
enum DecodeSpeed {
    /// Seconds of a decode step with about `depth` tokens in the cache: median of five rounds that take all precisions in
    /// turn, after one that warms up.
    static func secondsPerStep(
        _ transformer: Transformer, precisions: [Precision], depth: Int
    ) throws(TaperError) -> [Precision: Double] {
        let steps = 8
        let start = max(1, min(depth, transformer.contextLength - steps))
        guard let highest = precisions.last, start + steps <= transformer.contextLength else { return [:] }
        let vocabulary = transformer.config.vocabularySize
        func token(_ index: Int) -> Int { (index &* 7919 + 13) % vocabulary }
        transformer.truncate(to: 0)
        _ = try transformer.forward((0..<start).map(token), bits: highest)
        var rounds: [Precision: [Double]] = [:]
        for round in 0...5 {
            for bits in precisions {
                try Interrupt.check("Nothing was written")
                transformer.truncate(to: start)
                let begin = monotonicSeconds()
                for step in 0..<steps { _ = try transformer.forward(token(start + step), bits: bits) }
                if round > 0 { rounds[bits, default: []].append((monotonicSeconds() - begin) / Double(steps)) }
            }
        }
        return rounds.compactMapValues { median($0) }
    }
}
