import Storage

/// A plot of figures, such as quality against bytes read per token: lines with markers, such as a bundle's precisions, and
/// single markers.
///
/// Labels stand at the points themselves where there is room; the legend names the shapes, which differ without colour.
public struct QualityPlot {
    public struct Point: Sendable {
        public var x: Double
        public var y: Double
        public var label: String
        public init(x: Double, y: Double, label: String) {
            self.x = x
            self.y = y
            self.label = label
        }
    }
    public struct Series: Sendable {
        public var name: String
        public var points: [Point]
        /// Points are joined by a line, in order of x.
        public var isLine: Bool
        public init(name: String, points: [Point], isLine: Bool) {
            self.name = name
            self.points = points
            self.isLine = isLine
        }
    }

    public var title: String
    public var subtitle: String
    public var xName: String
    public var yName: String
    public var series: [Series]
    /// Of the y axis; else it is linear.
    public var isLogarithmic = true
    /// The same of the x axis.
    public var isXLogarithmic = false
    /// A vertical line, for a model whose y is zero and has no place on a logarithmic axis.
    public var mark: (x: Double, label: String)?

    public init(
        title: String, subtitle: String, xName: String, yName: String, series: [Series],
        mark: (x: Double, label: String)? = nil
    ) {
        self.title = title
        self.subtitle = subtitle
        self.xName = xName
        self.yName = yName
        self.series = series
        self.mark = mark
    }

    /// Colours of Okabe and Ito (2008), told apart by everybody; lighter where the page is dark.
    private static let colours = [
        ("#0072b2", "#56b4e9"), ("#d55e00", "#ff9a4d"), ("#009e73", "#2fd0a4"), ("#b0578d", "#e39cc6"),
        ("#8a6d00", "#e6c229"), ("#5f6b76", "#b3bcc5"),
    ]

    package static var styles: String {
        func sheet(_ paper: String, _ ink: String, _ faint: String, _ grid: String, dark: Bool) -> String {
            var lines = [
                ".paper{fill:\(paper)}", "text{fill:\(ink);font-family:Helvetica,Arial,sans-serif;font-size:12px}",
                ".faint{fill:\(faint)}", ".grid{stroke:\(grid);stroke-width:0.7}",
                ".axis{stroke:\(faint);stroke-width:1}",
                ".mark{stroke:\(faint);stroke-width:1;stroke-dasharray:4 3}",
            ]
            for (index, pair) in colours.enumerated() {
                let colour = dark ? pair.1 : pair.0
                lines.append(".l\(index){fill:none;stroke:\(colour);stroke-width:1.8}")
                lines.append(".m\(index){fill:\(colour);stroke:\(paper);stroke-width:1}")
            }
            return lines.joined(separator: "\n")
        }
        return sheet("#ffffff", "#1f2328", "#57606a", "#dfe3e8", dark: false)
            + "\n.title{font-size:15px;font-weight:bold}\n.middle{text-anchor:middle}\n.end{text-anchor:end}\n.small{font-size:11px}\n"
            + "@media (prefers-color-scheme: dark){\n" + sheet("#0d1117", "#e6edf3", "#9aa4af", "#2b323b", dark: true)
            + "\n}"
    }

    /// Values the axes can show.
    private var drawable: [Series] {
        series.map { item in
            var item = item
            item.points = item.points.filter {
                $0.x.isFinite && $0.y.isFinite && ($0.y > 0 || !isLogarithmic) && ($0.x > 0 || !isXLogarithmic)
            }
            if item.isLine { item.points.sort { ($0.x, $0.y) < ($1.x, $1.y) } }
            return item
        }
    }

    /// The plot as an SVG file; the same for the same figures on every machine.
    public func svg() -> String {
        let (width, left, right, plotHeight) = (720.0, 72.0, 28.0, 330.0)
        let rows = PlotLegend.rows(series.map(\.name), width: width - left - right)
        let top = 62 + 18 * Double(rows.count)
        let bottom = top + plotHeight
        var page = SVGDocument(width: width, height: bottom + 58)
        let shown = drawable
        let points = shown.flatMap(\.points)
        let xValues = points.map(\.x) + (mark.map { [$0.x] } ?? [])
        let x = isXLogarithmic ? PlotAxis.logarithmic(xValues) : PlotAxis.linear(xValues)
        let y = isLogarithmic ? PlotAxis.logarithmic(points.map(\.y)) : PlotAxis.linear(points.map(\.y))
        let area = PlotBox(left: left, top: top, right: width - right, bottom: bottom)
        func across(_ value: Double) -> Double { area.left + x.place(value) * (area.right - area.left) }
        func down(_ value: Double) -> Double { area.bottom - y.place(value) * (area.bottom - area.top) }

        page.text(PlotLegend.cut(title, 84), left, 26, "title")
        page.text(PlotLegend.cut(subtitle, 110), left, 45, "faint small")
        for (row, items) in rows.enumerated() {
            let height = 66 + 18 * Double(row)
            for item in items {
                if series[item.index].isLine {
                    page.line(left + item.x, height - 4, left + item.x + 22, height - 4, "l\(item.index % 6)")
                }
                page.marker(item.index, left + item.x + 11, height - 4, "m\(item.index % 6)")
                page.text(item.text, left + item.x + 28, height, "small")
            }
        }
        for tick in y.ticks {
            page.line(area.left, down(tick.value), area.right, down(tick.value), "grid")
            page.text(tick.label, area.left - 8, down(tick.value) + 4, "small end")
        }
        for tick in x.ticks {
            page.line(across(tick.value), area.top, across(tick.value), area.bottom, "grid")
            page.text(tick.label, across(tick.value), area.bottom + 18, "small middle")
        }
        page.line(area.left, area.bottom, area.right, area.bottom, "axis")
        page.line(area.left, area.top, area.left, area.bottom, "axis")
        page.text(xName, (area.left + area.right) / 2, area.bottom + 42, "middle")
        page.text(yName, 20, (area.top + area.bottom) / 2, "middle", rotated: true)

        var labels = PlotLabels(area: area)
        for item in shown {
            labels.avoid(item.points.map { (across($0.x), down($0.y)) }, line: item.isLine)
        }
        if let mark {
            let place = across(mark.x)
            page.line(place, area.top, place, area.bottom, "mark")
            labels.avoid([(place, area.top), (place, area.bottom)], line: true)
            let text = PlotLegend.cut(mark.label, 48)
            if let found = labels.place(text, at: (place, area.bottom - 12), required: true) {
                page.text(text, found.x, found.y, "faint " + found.style)
            }
        }
        for (index, item) in shown.enumerated() {
            let places = item.points.map { (x: across($0.x), y: down($0.y)) }
            if item.isLine && places.count > 1 { page.polyline(places, "l\(index % 6)") }
            for place in places { page.marker(index, place.x, place.y, "m\(index % 6)") }
        }
        for item in shown {
            for point in item.points {
                let text = PlotLegend.cut(point.label, 30)
                if let found = labels.place(text, at: (across(point.x), down(point.y)), required: false) {
                    page.text(text, found.x, found.y, found.style)
                }
            }
        }
        if points.isEmpty { page.text("nothing to draw", (left + width - right) / 2, top + 40, "faint middle") }
        return page.text(title: title, description: subtitle, styles: Self.styles)
    }
}
