public import Kernels
public import Reference
public import Runtime
public import Storage

/// One model on a text: a precision or schedule of a bundle, or the full-precision model.
public struct QualityResult: Sendable {
    public var label: String
    /// nil for schedules and the full-precision model.
    public var bits: Int?
    public var comparison: LogitComparison
    /// Weights read per decoded token; nil for the full-precision model.
    public var bytesPerToken: Int?

    public var json: JSONValue {
        func optional(_ value: Double?) -> JSONValue { value.map { .number(rounded($0)) } ?? .null }
        return .object([
            .init("label", .string(label)),
            .init("bits", bits.map { .integer($0) } ?? .null),
            .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
            .init("perplexity", .number(rounded(comparison.perplexity))),
            .init("kl_mean", optional(comparison.meanDivergence)),
            .init("kl_p99", optional(comparison.divergence99)),
            .init("top1_agreement", optional(comparison.topAgreement)),
        ])
    }
}

/// Six significant digits: what the measurement supports, and the same text on every machine.
func rounded(_ value: Double) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let digits = 6 - Int((logarithm(abs(value)) / logarithm(10)).rounded(.down)) - 1
    return parseDouble(fixed(value, max(0, digits))) ?? value
}

/// Perplexity of every schedule on the same windows, compared with the full-precision model where one is given.
///
/// A schedule's precision at a position is that of the decode step with the same number.
public func evaluateQuality(
    bundle: Transformer?, schedules: [(label: String, schedule: PrecisionSchedule)], reference: ReferenceModel?,
    windows: [PerplexityProtocol.Window], pool: ThreadPool, progress: (Double) -> Void
) throws(TaperError) -> [QualityResult] {
    let ops = VectorOps(pool)
    var results: [QualityResult] = []
    if reference != nil {
        results.append(
            QualityResult(label: "full precision", bits: nil, comparison: LogitComparison(), bytesPerToken: nil))
    }
    let firstSchedule = results.count
    for (label, schedule) in schedules {
        let constant = schedule.steps.count == 1 ? schedule.steps.first?.bits : nil
        results.append(
            QualityResult(
                label: label, bits: constant, comparison: LogitComparison(),
                bytesPerToken: constant.flatMap { bits in bundle?.bytesPerToken(bits: bits) }))
    }
    let share = 1 / Double(max(1, windows.count * (schedules.count + (reference == nil ? 0 : 1))))
    var done = 0.0

    func measure(_ window: PerplexityProtocol.Window, _ referenceLogits: UnsafeBufferPointer<Float>?) throws(TaperError)
    {
        var referenceRows: [LogitComparison.Row] = []
        let vocabulary = referenceLogits.map { $0.count / window.tokens.count } ?? 0
        func row(_ position: Int) -> UnsafeBufferPointer<Float>? {
            referenceLogits.map {
                UnsafeBufferPointer(rebasing: $0[position * vocabulary..<(position + 1) * vocabulary])
            }
        }
        if referenceLogits != nil {
            // Only positions whose next token is predicted are kept.
            for position in window.firstPredicted - 1..<window.tokens.count - 1 {
                guard let logits = row(position) else { continue }
                let statistics = LogitComparison.Row(logits, ops: ops)
                results[0].comparison.add(row: statistics, logits: logits, next: window.tokens[position + 1])
                referenceRows.append(statistics)
            }
        }
        for (order, item) in schedules.enumerated() {
            guard let bundle else { continue }
            try Interrupt.check("Nothing was written")
            bundle.truncate(to: 0)
            var start = 0
            while start < window.tokens.count {
                let bits = item.schedule.bits(atStep: start)
                var end = start + 1
                while end < window.tokens.count && item.schedule.bits(atStep: end) == bits { end += 1 }
                let offset = start
                try bundle.forwardAll(Array(window.tokens[start..<end]), bits: bits) { index, logits in
                    let position = offset + index
                    guard position >= window.firstPredicted - 1, position < window.tokens.count - 1 else { return }
                    let statistics = LogitComparison.Row(logits, ops: ops)
                    results[firstSchedule + order].comparison.add(
                        row: statistics, logits: logits, next: window.tokens[position + 1])
                    if let reference = row(position) {
                        results[firstSchedule + order].comparison.add(
                            row: statistics, logits: logits,
                            reference: referenceRows[position - (window.firstPredicted - 1)], referenceLogits: reference
                        )
                    }
                }
                start = end
            }
            done += share
            progress(done)
        }
    }

    if let reference {
        let base = done
        try reference.logits(
            sequences: windows.map(\.tokens), progress: { progress(base + $0 * share * Double(windows.count)) }
        ) {
            index, logits throws(TaperError) in
            done = max(done, share * Double(windows.count))
            try measure(windows[index], logits)
        }
    } else {
        for window in windows { try measure(window, nil) }
    }
    return results
}
