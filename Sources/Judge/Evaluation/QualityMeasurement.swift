import Bundle
import Decoding
public import Kernels
public import Model
public import Reference
public import Runtime
public import Storage

/// A text cut into windows, with what the model compared with makes of it: everything else is measured against this.
///
/// Memory: the reference's states and head (`ReferenceStates`), one window of its logits, and the model being measured.
public struct QualityMeasurement {
    /// What is measured.
    public enum Candidate {
        /// Precisions and schedules of a bundle.
        case bundle(Engine, [(label: String, schedule: PrecisionSchedule)])
        /// Another checkpoint's states on the same tokens.
        case states(ReferenceStates, label: String, bytesPerToken: Int?)
    }

    public let windows: [PerplexityProtocol.Window]
    /// nil: likelihoods only.
    public let reference: ReferenceStates?
    private let ops: VectorOps

    public init(windows: [PerplexityProtocol.Window], reference: ReferenceStates?, pool: ThreadPool) {
        precondition(reference.map { $0.sequences == windows.map(\.tokens) } ?? true, "states of another text")
        self.windows = windows
        self.reference = reference
        ops = VectorOps(pool)
    }

    /// Perplexity of the reference itself, if asked for, and of every schedule or checkpoint, compared with the reference
    /// where there is one. A precision at a position is that of the decode step with the same number (`Window.bits`).
    public func run(
        _ candidate: Candidate?, includingReference: Bool, progress: (Double) -> Void
    ) throws(TaperError) -> [QualityResult] {
        var full: QualityResult? = includingReference ? QualityResult(label: Quality.fullPrecision) : nil
        var results = initialResults(candidate)
        var tallies = [Tally](repeating: Tally(), count: results.count)
        let share = 1 / Double(max(1, windows.count * max(1, results.count)))
        var done = 0.0
        var sequence: TokenSequence?
        if case .bundle(let engine, _) = candidate { sequence = try engine.makeSequence() }
        for (index, window) in windows.enumerated() {
            // Only positions whose next token is predicted.
            let rows = window.firstPredicted - 1..<window.tokens.count - 1
            try withReference(index, rows) { logits throws(TaperError) in
                var expected: Expected?
                if let logits, let reference {
                    let known = Expected(logits, vocabulary: reference.vocabularySize, first: rows.lowerBound, ops)
                    for position in rows {
                        full?.comparison.add(
                            row: known.statistics[position - rows.lowerBound], logits: known.row(position),
                            next: window.tokens[position + 1])
                    }
                    expected = known
                }
                var cached: [Precision] = []
                for order in results.indices {
                    try Interrupt.check("Nothing was written")
                    try add(
                        candidate, sequence, index, order, expected, to: &results[order].comparison, &tallies[order],
                        &cached)
                    done += share
                    progress(min(1, done))
                }
            }
        }
        for order in results.indices where results[order].schedule != nil {
            results[order].bytesPerToken = tallies[order].mean(of: tallies[order].bytes).map { Int($0.rounded()) }
            results[order].averageBits = tallies[order].mean(of: tallies[order].hundredths).map { $0 / 100 }
        }
        if let full {
            for order in results.indices { results[order].fullPerplexity = full.comparison.perplexity }
            results.insert(full, at: 0)
            results[0].fullPerplexity = full.comparison.perplexity
        }
        return results
    }

    /// Decode steps of a schedule over all windows.
    private struct Tally {
        var steps = 0
        var hundredths = 0
        var bytes = 0
        func mean(of sum: Int) -> Double? { steps == 0 ? nil : Double(sum) / Double(steps) }
    }

    /// One window's logits of the reference, with the statistics that all comparisons share.
    private struct Expected {
        let logits: UnsafeBufferPointer<Float>
        let vocabulary: Int
        let first: Int
        let statistics: [LogitComparison.Row]

        init(_ logits: UnsafeBufferPointer<Float>, vocabulary: Int, first: Int, _ ops: VectorOps) {
            self.logits = logits
            self.vocabulary = vocabulary
            self.first = first
            statistics = (0..<logits.count / vocabulary).map { row in
                LogitComparison.Row(
                    UnsafeBufferPointer(rebasing: logits[row * vocabulary..<(row + 1) * vocabulary]), ops: ops)
            }
        }

        func row(_ position: Int) -> UnsafeBufferPointer<Float> {
            let start = (position - first) * vocabulary
            return UnsafeBufferPointer(rebasing: logits[start..<start + vocabulary])
        }
    }

    private func initialResults(_ candidate: Candidate?) -> [QualityResult] {
        switch candidate {
        case nil: return []
        case .states(_, let label, let bytes): return [QualityResult(label: label, bytesPerToken: bytes)]
        case .bundle(let engine, let schedules):
            return schedules.map { label, schedule in
                let first = schedule.steps.first?.bits
                guard schedule.steps.count > 1 else {
                    return QualityResult(
                        label: label, bits: first, bytesPerToken: first.map { engine.weights.bytesPerToken(bits: $0) })
                }
                var result = QualityResult(label: label)
                result.schedule = schedule.text
                return result
            }
        }
    }

    private func withReference(
        _ index: Int, _ rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>?) throws(TaperError) -> Void
    ) throws(TaperError) {
        guard let reference else { return try body(nil) }
        try reference.withLogits(of: index, rows: rows) { logits throws(TaperError) in try body(logits) }
    }

    /// One window under one schedule, or by one checkpoint.
    ///
    /// - Parameter cached: precision at which each of the window's tokens in the sequence was read. A schedule
    ///   begins where it first differs from the one before, or where its logits are wanted.
    private func add(
        _ candidate: Candidate?, _ sequence: TokenSequence?, _ index: Int, _ order: Int, _ expected: Expected?,
        to comparison: inout LogitComparison, _ tally: inout Tally, _ cached: inout [Precision]
    ) throws(TaperError) {
        let window = windows[index]
        func take(_ position: Int, _ logits: UnsafeBufferPointer<Float>) {
            guard position >= window.firstPredicted - 1, position < window.tokens.count - 1 else { return }
            let statistics = LogitComparison.Row(logits, ops: ops)
            comparison.add(row: statistics, logits: logits, next: window.tokens[position + 1])
            if let expected {
                comparison.add(
                    row: statistics, logits: logits, reference: expected.statistics[position - expected.first],
                    referenceLogits: expected.row(position))
            }
        }
        switch candidate {
        case nil: break
        case .states(let states, _, _):
            let rows = window.firstPredicted - 1..<window.tokens.count - 1
            let width = states.vocabularySize
            try states.withLogits(of: index, rows: rows) { logits in
                for position in rows {
                    let start = (position - rows.lowerBound) * width
                    take(position, UnsafeBufferPointer(rebasing: logits[start..<start + width]))
                }
            }
        case .bundle(let engine, let schedules):
            guard let sequence else { return }
            let schedule = schedules[order].schedule
            let wanted = window.tokens.indices.map { window.bits(schedule, at: $0) }
            for bits in wanted.dropFirst(window.promptCount) {
                tally.steps += 1
                tally.hundredths += bits.hundredths
                tally.bytes += engine.weights.bytesPerToken(bits: bits)
            }
            let known = zip(wanted, cached).prefix(window.firstPredicted - 1)
            var start = known.prefix { $0 == $1 }.count
            sequence.truncate(to: min(start, sequence.position))
            cached = wanted
            while start < window.tokens.count {
                let bits = wanted[start]
                var end = start + 1
                while end < window.tokens.count && wanted[end] == bits { end += 1 }
                let offset = start
                // What comes before the first prediction needs no head.
                let silent = min(max(window.firstPredicted - 1 - start, 0), end - start)
                if silent > 0 {
                    try engine.read(
                        Array(window.tokens[start..<start + silent]), into: sequence, wanting: .none, bits: bits
                    ) { _, _ in }
                }
                if start + silent < end {
                    try engine.read(
                        Array(window.tokens[start + silent..<end]), into: sequence, wanting: .all, bits: bits
                    ) { row, logits in take(offset + silent + row, logits) }
                }
                start = end
            }
        }
    }
}
