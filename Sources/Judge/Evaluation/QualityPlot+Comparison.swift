import Bundle
import Model
import Storage

extension QualityPlot {
    /// KL divergence where there is one for all, else perplexity over the reference's, else perplexity.
    public init(_ comparison: ModelComparison, textName: String) {
        let others = comparison.files.filter { !$0.isReference }.flatMap(\.results)
        let reference = comparison.files.first { $0.isReference }
        let hasDivergence = !others.isEmpty && others.allSatisfy { $0.comparison.meanDivergence != nil }
        let hasRatio = reference != nil && others.allSatisfy { $0.overFull != nil }
        func height(_ result: QualityResult) -> Double? {
            hasDivergence
                ? result.comparison.meanDivergence : hasRatio ? result.overFull : result.comparison.perplexity
        }
        var series: [Series] = []
        for file in comparison.files where !(file.isReference && hasDivergence) {
            let name = printable(Files.name(of: file.path))
            func point(_ result: QualityResult, _ label: String) -> Point? {
                guard let bytes = result.bytesPerToken, let y = height(result) else { return nil }
                return Point(x: Double(bytes) / 1e6, y: y, label: label)
            }
            guard file.kind == .bundle else {
                series.append(
                    Series(name: name, points: file.results.compactMap { point($0, name) }, isLine: false))
                continue
            }
            // A calibrated schedule may turn out to be one precision; it is a marker all the same.
            let constant = file.results.filter { $0.label == $0.bits?.label }
            let changing = file.results.filter { $0.label != $0.bits?.label }
            let whole = constant.filter { $0.bits?.isWhole ?? false }
            let rungs = constant.filter { $0.bits?.isRung ?? false }
            for (kind, results) in [("", whole), (", rungs", rungs)] where !results.isEmpty {
                series.append(
                    Series(
                        name: name + kind, points: results.compactMap { point($0, $0.bits.map { "\($0) bits" } ?? "") },
                        isLine: true))
            }
            if !changing.isEmpty {
                series.append(
                    Series(
                        name: name + ", schedules", points: changing.compactMap { point($0, $0.label) }, isLine: false))
            }
        }
        self.init(
            title: hasDivergence ? "Divergence from full precision per byte read" : "Perplexity per byte read",
            subtitle: printable(textName) + ": " + comparison.rule.text(comparison.extent),
            xName: "MB of weights read per decoded token",
            yName: hasDivergence
                ? "KL divergence, nats per token (log scale)"
                : hasRatio ? "perplexity over the reference's (log scale)" : "perplexity (log scale)", series: series)
        if hasDivergence, let reference, let bytes = reference.results.first?.bytesPerToken {
            mark = (Double(bytes) / 1e6, "reference: " + printable(Files.name(of: reference.path)))
        }
    }
}
