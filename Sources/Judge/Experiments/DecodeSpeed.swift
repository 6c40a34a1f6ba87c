import Evaluation
import Model
import Runtime
import Storage

/// Speed of single decode steps and of prompts at every precision: what the speed of a schedule follows from.
enum DecodeSpeed {
    /// Rounds that take all precisions in turn, after one that warms up.
    private static let rounds = 5

    /// Seconds of a decode step with about `depth` tokens in the cache: median of the rounds.
    static func secondsPerStep(
        _ engine: Engine, precisions: [Precision], depth: Int
    ) throws(TaperError) -> [Precision: Double] {
        let steps = 8
        let start = max(1, min(depth, engine.contextLength - steps))
        guard let highest = precisions.last, start + steps <= engine.contextLength else { return [:] }
        let sequence = try engine.makeSequence()
        try engine.read((0..<start).map { token($0, engine) }, into: sequence, bits: highest)
        return try seconds(precisions) { bits throws(TaperError) in
            sequence.truncate(to: start)
            for step in 0..<steps { try engine.read([token(start + step, engine)], into: sequence, bits: bits) }
        }.mapValues { $0 / Double(steps) }
    }

    /// Seconds of a token of a prompt of so many tokens.
    static func secondsPerPromptToken(
        _ engine: Engine, precisions: [Precision], length: Int
    ) throws(TaperError) -> [Precision: Double] {
        let length = max(1, min(length, engine.contextLength))
        let prompt = (0..<length).map { token($0, engine) }
        let sequence = try engine.makeSequence()
        return try seconds(precisions) { bits throws(TaperError) in
            sequence.truncate(to: 0)
            try engine.read(prompt, into: sequence, bits: bits)
        }.mapValues { $0 / Double(length) }
    }

    private static func token(_ index: Int, _ engine: Engine) -> Int {
        (index &* 7919 + 13) % engine.config.vocabularySize
    }

    private static func seconds(
        _ precisions: [Precision], _ work: (Precision) throws(TaperError) -> Void
    ) throws(TaperError) -> [Precision: Double] {
        var found: [Precision: [Double]] = [:]
        for round in 0...rounds {
            for bits in precisions {
                try Interrupt.check("Nothing was written")
                let begin = monotonicSeconds()
                try work(bits)
                if round > 0 { found[bits, default: []].append(monotonicSeconds() - begin) }
            }
        }
        return found.compactMapValues { median($0) }
    }
}
