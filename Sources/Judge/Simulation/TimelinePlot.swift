import Evaluation
import Storage

/// A decode step on the channel, the multipliers and the vector unit, as bars over time: the whole of it, and below its first
/// layers.
struct TimelinePlot {
    let timeline: Timeline
    let title: String
    /// Layers of the lower half.
    private let layerCount = 2

    init(_ timeline: Timeline, title: String) {
        self.timeline = timeline
        self.title = title
    }

    /// What bars of one colour stand for.
    private enum Kind: Int, CaseIterable {
        case projections, mlp, attention, vector

        init(_ label: String) {
            switch label {
            case "q_proj", "k_proj", "v_proj", "o_proj": self = .projections
            case "gate_proj", "up_proj", "down_proj", "head": self = .mlp
            case "attention", "cache write": self = .attention
            default: self = .vector
            }
        }

        var name: String {
            switch self {
            case .projections: "projections of attention"
            case .mlp: "MLP"
            case .attention: "keys and values"
            case .vector: "norms, rotation, softmax, activation, residual"
            }
        }
    }

    private static let (left, right, laneHeight, laneStep) = (110.0, 690.0, 30.0, 36.0)

    func svg() -> String {
        let left = TimelinePlot.left
        let detailed = min(layerCount, timeline.layerCount)
        let end =
            (timeline.multipliers + timeline.vector).filter { $0.layer < detailed }.map(\.end).max() ?? timeline.seconds
        var page = SVGDocument(width: 720, height: 450)
        page.text(title, left, 26, "title")
        page.text(
            "a decode step of \(fixed(timeline.seconds * 1e3, 2)) ms, and its layers 0 to \(detailed - 1)", left, 45,
            "faint small")
        var legend = left
        for kind in Kind.allCases {
            page.rectangle(legend, 56, 10, 10, "m\(kind.rawValue)")
            page.text(kind.name, legend + 14, 65, "small")
            legend += 34 + 5.6 * Double(kind.name.count)
        }
        lanes(&page, top: 84, until: timeline.seconds, ends: layerEnds(until: timeline.seconds))
        lanes(&page, top: 264, until: end, ends: layerEnds(until: end))
        return page.text(
            title: title,
            description: "What channel, multipliers and vector unit do in a decode step, and in its first layers",
            styles: QualityPlot.styles + "\n.bar{stroke:none}")
    }

    /// Of every layer, when its last operation ends.
    private func layerEnds(until end: Double) -> [Double] {
        var ends = [Double](repeating: 0, count: timeline.layerCount)
        for span in timeline.multipliers + timeline.vector where ends.indices.contains(span.layer) {
            ends[span.layer] = max(ends[span.layer], span.end)
        }
        return ends.filter { $0 <= end }
    }

    /// The three parts from the step's beginning to `end`, above their axis.
    private func lanes(_ page: inout SVGDocument, top: Double, until end: Double, ends: [Double]) {
        let (left, right, laneHeight) = (TimelinePlot.left, TimelinePlot.right, TimelinePlot.laneHeight)
        func across(_ seconds: Double) -> Double { left + (right - left) * seconds / end }
        for (lane, item) in [
            ("channel", timeline.channel), ("multipliers", timeline.multipliers), ("vector unit", timeline.vector),
        ].enumerated() {
            let y = top + Double(lane) * TimelinePlot.laneStep
            page.text(item.0, left - 8, y + laneHeight / 2 + 4, "end small")
            page.line(left, y + laneHeight, right, y + laneHeight, "grid")
            for bar in bars(item.1, until: end, perPixel: end / (right - left)) {
                page.rectangle(
                    across(bar.start), y, max(0.4, across(bar.end) - across(bar.start)), laneHeight,
                    "m\(bar.kind.rawValue) bar")
            }
        }
        let base = top + 3 * TimelinePlot.laneStep
        page.line(left, base, right, base, "axis")
        // Ends of layers, unless they stand closer than they can be told apart.
        if across(end / Double(max(1, ends.count))) - left > 4 {
            for layerEnd in ends { page.line(across(layerEnd), base - 5, across(layerEnd), base, "axis") }
        }
        let isShort = end < 1e-3
        for step in 0...4 {
            let seconds = end * Double(step) / 4
            let digits = !isShort ? 2 : end < 1e-4 ? 1 : 0
            page.text(
                fixed(seconds * (isShort ? 1e6 : 1e3), digits), across(seconds), base + 16, "small middle")
        }
        page.text(isShort ? "us" : "ms", (left + right) / 2, base + 34, "small middle")
    }

    /// Spans of one kind that stand closer than a third of a pixel, as one.
    private func bars(_ spans: [Timeline.Span], until end: Double, perPixel: Double)
        -> [(start: Double, end: Double, kind: Kind)]
    {
        var all: [(start: Double, end: Double, kind: Kind)] = []
        for span in spans where span.start < end {
            let kind = Kind(span.label)
            if let last = all.last, last.kind == kind, span.start - last.end < perPixel / 3 {
                all[all.count - 1].end = min(span.end, end)
            } else {
                all.append((span.start, min(span.end, end), kind))
            }
        }
        return all
    }
}
