/// A rectangle of a plot, y growing downwards.
struct PlotBox {
    var left: Double
    var top: Double
    var right: Double
    var bottom: Double

    func overlaps(_ other: PlotBox) -> Bool {
        left < other.right && other.left < right && top < other.bottom && other.top < bottom
    }
    func holds(_ other: PlotBox) -> Bool {
        left <= other.left && top <= other.top && other.right <= right && other.bottom <= bottom
    }
}

/// Finds room for labels beside their points: the first of twelve places that touches no marker, line or label.
struct PlotLabels {
    let area: PlotBox
    private var taken: [PlotBox] = []

    init(area: PlotBox) { self.area = area }

    /// Keeps labels off markers and, where they are joined, off the lines between them.
    mutating func avoid(_ points: [(x: Double, y: Double)], line: Bool) {
        for point in points {
            taken.append(
                PlotBox(left: point.x - 5, top: point.y - 5, right: point.x + 5, bottom: point.y + 5))
        }
        guard line else { return }
        for (a, b) in zip(points, points.dropFirst()) {
            let pieces = max(1, Int(max(abs(b.x - a.x), abs(b.y - a.y)) / 3))
            for piece in 0...pieces {
                let part = Double(piece) / Double(pieces)
                let (x, y) = (a.x + part * (b.x - a.x), a.y + part * (b.y - a.y))
                taken.append(PlotBox(left: x - 1.5, top: y - 1.5, right: x + 1.5, bottom: y + 1.5))
            }
        }
    }

    /// Where a label of 11 pixels stands: the point of its baseline that `style` anchors (start, middle or end).
    struct Place: Equatable {
        var x: Double
        var y: Double
        var style: String
    }

    /// Room near a point; nil when there is none and the label may be left out.
    mutating func place(_ text: String, at point: (x: Double, y: Double), required: Bool) -> Place? {
        let width = PlotLegend.width(text)
        // Part of the width that lies left of the anchor, and the anchor's offset from the point.
        let offsets: [(part: Double, dx: Double, dy: Double)] = [
            (0, 8, -5), (0, 8, 13), (1, -8, -5), (1, -8, 13), (0, 9, 4), (1, -9, 4), (0.5, 0, -10), (0.5, 0, 18),
            (0, 12, -14), (1, -12, -14), (0, 12, 22), (1, -12, 22),
        ]
        for (part, dx, dy) in offsets {
            let (x, y) = (point.x + dx, point.y + dy)
            let left = x - part * width
            let box = PlotBox(left: left - 1, top: y - 10, right: left + width + 1, bottom: y + 3)
            guard area.holds(box), !taken.contains(where: { $0.overlaps(box) }) else { continue }
            taken.append(box)
            return Place(x: x, y: y, style: part == 0 ? "small" : part == 1 ? "small end" : "small middle")
        }
        return required ? Place(x: area.right - 6, y: point.y - 5, style: "small end") : nil
    }
}

/// Names in rows that fit a width.
enum PlotLegend {
    struct Item: Equatable {
        var index: Int
        var x: Double
        var text: String
    }

    /// Pixels of text of 11 pixels: an average of proportional fonts, a little too wide rather than too narrow.
    static func width(_ text: String) -> Double { 6.1 * Double(text.count) }

    static func cut(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : String(text.prefix(limit - 1)) + "…"
    }

    static func rows(_ names: [String], width: Double) -> [[Item]] {
        var rows: [[Item]] = []
        var x = 0.0
        for (index, name) in names.enumerated() {
            let text = cut(name, 48)
            let needed = 28 + PlotLegend.width(text) + 18
            if rows.isEmpty || x + needed > width {
                rows.append([])
                x = 0
            }
            rows[rows.count - 1].append(Item(index: index, x: x, text: text))
            x += needed
        }
        return rows
    }
}
