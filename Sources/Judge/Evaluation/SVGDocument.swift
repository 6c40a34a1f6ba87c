import Storage

/// A small writer of SVG 1.1: elements in drawing order, all text escaped, numbers with at most two decimals.
package struct SVGDocument {
    private var lines: [String] = []
    let width: Double
    let height: Double

    package init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    package mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        add("line", [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)], style)
    }

    package mutating func polyline(_ points: [(x: Double, y: Double)], _ style: String) {
        let list = points.map { SVGDocument.number($0.x) + "," + SVGDocument.number($0.y) }.joined(separator: " ")
        lines.append("<polyline points=\"\(list)\" class=\"\(SVGDocument.escaped(style))\"/>")
    }

    package mutating func text(_ text: String, _ x: Double, _ y: Double, _ style: String, rotated: Bool = false) {
        let turn = rotated ? " transform=\"rotate(-90 \(SVGDocument.number(x)) \(SVGDocument.number(y)))\"" : ""
        lines.append(
            "<text x=\"\(SVGDocument.number(x))\" y=\"\(SVGDocument.number(y))\" class=\"\(SVGDocument.escaped(style))\"\(turn)>"
                + SVGDocument.escaped(text) + "</text>")
    }

    /// Shapes that differ without colour: circle, square, diamond, triangles.
    package mutating func marker(_ kind: Int, _ x: Double, _ y: Double, _ style: String) {
        let shapes: [[(Double, Double)]] = [
            [], [(-3.4, -3.4), (3.4, -3.4), (3.4, 3.4), (-3.4, 3.4)], [(0, -4.8), (4.8, 0), (0, 4.8), (-4.8, 0)],
            [(0, -4.6), (4.4, 3.4), (-4.4, 3.4)], [(0, 4.6), (4.4, -3.4), (-4.4, -3.4)],
        ]
        let shape = shapes[kind % shapes.count]
        if shape.isEmpty { return add("circle", [("cx", x), ("cy", y), ("r", 4)], style) }
        let list = shape.map { SVGDocument.number(x + $0.0) + "," + SVGDocument.number(y + $0.1) }
        lines.append("<polygon points=\"\(list.joined(separator: " "))\" class=\"\(SVGDocument.escaped(style))\"/>")
    }

    package mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) {
        add("rect", [("x", x), ("y", y), ("width", width), ("height", height)], style)
    }

    private mutating func add(_ name: String, _ attributes: [(String, Double)], _ style: String) {
        let list = attributes.map { "\($0.0)=\"\(SVGDocument.number($0.1))\"" }.joined(separator: " ")
        lines.append("<\(name) \(list) class=\"\(SVGDocument.escaped(style))\"/>")
    }

    /// The whole file. Colours come from `styles`, in which a viewer's dark mode can choose others.
    package func text(title: String, description: String, styles: String) -> String {
        let (w, h) = (SVGDocument.number(width), SVGDocument.number(height))
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(w)" height="\(h)" viewBox="0 0 \(w) \(h)" role="img">
            <title>\(SVGDocument.escaped(title))</title>
            <desc>\(SVGDocument.escaped(description))</desc>
            <style>
            \(styles)
            </style>
            <rect width="\(w)" height="\(h)" class="paper"/>
            \(lines.joined(separator: "\n"))
            </svg>

            """
    }

    static func number(_ value: Double) -> String {
        var text = fixed(value.isFinite ? value : 0, 2)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text == "-0" ? "0" : text
    }

    /// Text as XML content or attribute; what XML 1.0 cannot hold becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default:
                let isAllowed =
                    scalar.value >= 0x20 && scalar.value != 0x7f && scalar.value != 0xfffe && scalar.value != 0xffff
                out.unicodeScalars.append(isAllowed ? scalar : "\u{fffd}")
            }
        }
        return out
    }
}
