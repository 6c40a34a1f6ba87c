public import Evaluation
import Scoring
import Model
import Storage

extension ExperimentResult {
    public enum PlotX: String, Sendable, CaseIterable {
        case bits
        case bytes
        /// Of a whole answer, its prompt included.
        case seconds

        var name: String {
            switch self {
            case .bits: "average bits of the decode steps"
            case .bytes: "MB of weights read per decoded token"
            case .seconds: "seconds per answer, prompt included"
            }
        }
    }

    /// A measure (index among `measureNames`) against average bits or bytes per token.
    public func plot(_ x: PlotX, measure: Int, dataName: String) -> QualityPlot {
        func point(_ result: MethodResult) -> QualityPlot.Point? {
            guard let across = across(result, x), !result.measures[measure].isEmpty else { return nil }
            return QualityPlot.Point(x: across, y: scaled(result.measures[measure]), label: short(result.label))
        }
        func series(_ name: String, isLine: Bool = false, _ kinds: ExperimentMethod.Kind...) -> QualityPlot.Series? {
            let points = results.filter { kinds.contains($0.kind) }.compactMap(point)
            return points.isEmpty ? nil : QualityPlot.Series(name: name, points: points, isLine: isLine)
        }
        let all = [
            series("constant precision", isLine: true, .constant), series("schedules", .fixed),
            series("static and learned", .calibrated, .learned), series("placements", .pattern),
            series("controls", .random, .confidence, .prefill, .reversed, .shuffled),
            series("by need", .adaptive), series("speculation", .speculation), series("dense and sparse", .denseSparse),
        ]
        let metric = results[0].measures[measure].metric
        let name = measureNames[measure]
        var plot = QualityPlot(
            title: "\(name) by precision schedule",
            subtitle:
                "\(printable(dataName)): \(answersText) of at most \(settings.frame.maxNewTokens) tokens",
            xName: x.name,
            yName: metric == .kl ? "KL divergence, nats per token (log scale)" : "\(name), hundredths",
            series: all.compactMap { $0 })
        plot.isLogarithmic = metric == .kl
        return plot
    }

    private func across(_ result: MethodResult, _ x: PlotX) -> Double? {
        switch x {
        case .bits: return result.averageBits
        case .bytes: return result.bytesPerToken.map { $0 / 1e6 }
        case .seconds: return result.secondsPerAnswer
        }
    }

    private func scaled(_ scores: MetricScores) -> Double {
        scores.metric == .kl || scores.metric.scale != 1 ? scores.value : 100 * scores.value
    }

    /// The part of a label that tells it from its neighbours.
    private func short(_ label: String) -> String {
        for start in ["constant ", "dense and sparse: "] where label.hasPrefix(start) {
            return String(label.dropFirst(start.count))
        }
        return label
    }
}
