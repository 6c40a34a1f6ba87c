import Evaluation
import Model
import Runtime
import Storage

/// Speed of single decode steps at every precision: what the speed of a schedule follows from.
enum DecodeSpeed {
    /// Seconds of a decode step with about `depth` tokens in the cache: median of five rounds that take all precisions in
    /// turn, after one that warms up.
    static func secondsPerStep(
        _ engine: Engine, precisions: [Precision], depth: Int
    ) throws(TaperError) -> [Precision: Double] {
        let steps = 8
        let start = max(1, min(depth, engine.contextLength - steps))
        guard let highest = precisions.last, start + steps <= engine.contextLength else { return [:] }
        let vocabulary = engine.config.vocabularySize
        func token(_ index: Int) -> Int { (index &* 7919 + 13) % vocabulary }
        let sequence = try engine.makeSequence()
        try engine.read((0..<start).map(token), into: sequence, bits: highest)
        var rounds: [Precision: [Double]] = [:]
        for round in 0...5 {
            for bits in precisions {
                try Interrupt.check("Nothing was written")
                sequence.truncate(to: start)
                let begin = monotonicSeconds()
                for step in 0..<steps { try engine.read([token(start + step)], into: sequence, bits: bits) }
                if round > 0 { rounds[bits, default: []].append((monotonicSeconds() - begin) / Double(steps)) }
            }
        }
        return rounds.compactMapValues { median($0) }
    }
}
