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

    /// Left end and baseline of a label of 11 pixels near a point; nil when there is no room and it may be left out.
    mutating func place(
        _ text: String, at point: (x: Double, y: Double), required: Bool
    ) -> (text: String, x: Double, y: Double)? {
        let width = PlotLegend.width(text)
        let offsets: [(Double, Double)] = [
            (8, -5), (8, 13), (-width - 8, -5), (-width - 8, 13), (9, 4), (-width - 9, 4), (-width / 2, -10),
            (-width / 2, 18), (12, -14), (-width - 12, -14), (12, 22), (-width - 12, 22),
        ]
        for (dx, dy) in offsets {
            let (x, y) = (point.x + dx, point.y + dy)
            let box = PlotBox(left: x - 1, top: y - 10, right: x + width + 1, bottom: y + 3)
            guard area.holds(box), !taken.contains(where: { $0.overlaps(box) }) else { continue }
            taken.append(box)
            return (text, x, y)
        }
        return required ? (text, min(point.x + 8, area.right - width), point.y - 5) : nil
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
