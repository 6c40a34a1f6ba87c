import Evaluation
import Storage

/// A decode step's first layers on the channel, the multipliers and the vector unit, as bars over time.
struct TimelinePlot {
    let timeline: Timeline
    let title: String
    /// Layers shown.
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

    func svg() -> String {
        let (left, right, top, height, laneHeight) = (110.0, 690.0, 84.0, 250.0, 34.0)
        let end = timeline.multipliers.filter { $0.layer < layerCount }.map(\.end).max() ?? timeline.seconds
        var page = SVGDocument(width: 720, height: height)
        page.text(title, left, 26, "title")
        page.text(
            "layers 0 to \(min(layerCount, timeline.layerCount) - 1) of a decode step of \(fixed(timeline.seconds * 1e3, 2)) ms",
            left, 45, "faint small")
        var legend = left
        for kind in Kind.allCases {
            page.rectangle(legend, 56, 10, 10, "m\(kind.rawValue)")
            page.text(kind.name, legend + 14, 65, "small")
            legend += 34 + 5.6 * Double(kind.name.count)
        }
        func across(_ seconds: Double) -> Double { left + (right - left) * seconds / end }
        for (lane, item) in [
            ("channel", timeline.channel), ("multipliers", timeline.multipliers), ("vector unit", timeline.vector),
        ].enumerated() {
            let y = top + Double(lane) * (laneHeight + 8)
            page.text(item.0, left - 8, y + laneHeight / 2 + 4, "end small")
            page.line(left, y + laneHeight, right, y + laneHeight, "grid")
            for bar in bars(item.1, until: end, perPixel: end / (right - left)) {
                page.rectangle(
                    across(bar.start), y, max(0.4, across(bar.end) - across(bar.start)), laneHeight,
                    "m\(bar.kind.rawValue) bar")
            }
        }
        let base = top + 3 * (laneHeight + 8)
        page.line(left, base, right, base, "axis")
        for step in 0...4 {
            let seconds = end * Double(step) / 4
            page.text(fixed(seconds * 1e6, end < 1e-4 ? 1 : 0), across(seconds), base + 16, "small middle")
        }
        page.text("us", (left + right) / 2, base + 34, "small middle")
        return page.text(
            title: title,
            description: "What channel, multipliers and vector unit do in the first layers of a decode step",
            styles: QualityPlot.styles + "\n.bar{stroke:none}")
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
