public import Evaluation
import Model

/// The plots of a simulation: time per token by precision, roofline, and where a decode step's time goes.
public struct SimulationPlots {
    let result: SimulationResult
    /// The model at single precisions, ascending.
    let constants: [ScheduleResult]

    public init(_ result: SimulationResult, constants: [ScheduleResult]) {
        self.result = result
        self.constants = constants
    }

    private var title: String { "\(result.shape.name) on \(result.hardware.name)" }

    public var timePerToken: QualityPlot {
        func series(_ name: String, _ rows: [ScheduleResult], isLine: Bool) -> QualityPlot.Series {
            QualityPlot.Series(
                name: name,
                points: rows.map {
                    .init(x: $0.averageBits, y: $0.secondsPerToken * 1e3, label: isLine ? "" : $0.label)
                },
                isLine: isLine)
        }
        var plot = QualityPlot(
            title: title, subtitle: "simulated decode time by average bits of a weight", xName: "average bits",
            yName: "ms per token",
            series: [
                series("constant precisions", constants, isLine: true), series("schedules", result.rows, isLine: false),
            ])
        plot.isLogarithmic = false
        return plot
    }

    /// Multiplications per second against multiplications per byte, below the limits of memory and multipliers (Williams et al.,
    /// Communications of the ACM 52, 2009).
    public var roofline: QualityPlot {
        let hardware = result.hardware
        let bandwidth = Double(hardware.memory.megabytesPerSecond) * 1e6
        let measured = [result.half] + constants + result.rows
        let peak = max(hardware.peak(bits: 4), hardware.peak(bits: 16))
        let intensities = measured.map(\.intensity) + [peak / bandwidth]
        let (low, high) = ((intensities.min() ?? 1) / 2, (intensities.max() ?? 1) * 2)
        func roof(_ name: String, _ peak: Double) -> QualityPlot.Series {
            let ridge = min(max(peak / bandwidth, low), high)
            let points = [low, ridge, high].map { x in
                QualityPlot.Point(x: x, y: min(peak, x * bandwidth) / 1e9, label: "")
            }
            return QualityPlot.Series(name: name, points: points, isLine: true)
        }
        func points(_ name: String, _ rows: [ScheduleResult]) -> QualityPlot.Series {
            QualityPlot.Series(
                name: name,
                points: rows.map { .init(x: $0.intensity, y: $0.multiplicationsPerSecond / 1e9, label: $0.label) },
                isLine: false)
        }
        var plot = QualityPlot(
            title: title, subtitle: "roofline of decode steps", xName: "multiplications per byte",
            yName: "G multiplications per second",
            series: [
                roof("limit for nested codes", hardware.peak(bits: 4)),
                roof("limit for 16 bits", hardware.peak(bits: 16)),
                points("constant precisions", [result.half] + constants), points("schedules", result.rows),
            ])
        plot.isXLogarithmic = true
        return plot
    }

    /// All plots, as files.
    public func files() -> [(file: String, svg: String, text: String)] {
        [
            ("simulate-time.svg", timePerToken.svg(), "time per token by precision"),
            ("simulate-roofline.svg", roofline.svg(), "roofline"),
            (
                "simulate-timeline.svg", TimelinePlot(result.timeline, title: title).svg(),
                "timeline of a step, and of two layers"
            ),
        ]
    }
}
