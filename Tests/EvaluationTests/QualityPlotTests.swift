import Evaluation
import Foundation
import FoundationXML
import Testing

/// Plots are read back as XML.
@Suite struct QualityPlotTests {
    /// Elements with their attributes, and the text of every `<text>`.
    private final class Page: NSObject, XMLParserDelegate {
        var elements: [(name: String, attributes: [String: String])] = []
        var texts: [String] = []
        private var isText = false

        init?(_ svg: String) {
            super.init()
            let parser = XMLParser(data: Data(svg.utf8))
            parser.delegate = self
            guard parser.parse() else { return nil }
        }
        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements.append((name, attributes))
            isText = name == "text"
            if isText { texts.append("") }
        }
        func parser(_ parser: XMLParser, foundCharacters text: String) { if isText { texts[texts.count - 1] += text } }
        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            isText = false
        }
        func count(_ name: String, _ style: String = "") -> Int {
            elements.count { $0.name == name && (style.isEmpty || $0.attributes["class"] == style) }
        }
        func position(of text: String) -> (x: Double, y: Double)? {
            let order = texts.firstIndex(of: text)
            let list = elements.filter { $0.name == "text" }
            return order.flatMap { index in
                guard let x = Double(list[index].attributes["x"] ?? ""),
                    let y = Double(list[index].attributes["y"] ?? "")
                else { return nil }
                return (x, y)
            }
        }
    }

    private func plot(_ values: [Double], name: String = "a.taper") -> QualityPlot {
        let points = values.enumerated().map { index, value in
            QualityPlot.Point(x: 60 + 15 * Double(index), y: value, label: "\(index + 2) bits")
        }
        return QualityPlot(
            title: "Title", subtitle: "subtitle", xName: "MB", yName: "KL",
            series: [
                .init(name: name, points: points, isLine: true),
                .init(name: "q4.gguf", points: [.init(x: 90, y: 0.2, label: "q4.gguf")], isLine: false),
            ], mark: (140, "reference"))
    }

    @Test func everyPointLineAndLabelIsDrawn() throws {
        let page = try #require(Page(plot([6, 0.5, 0.1, 0.03]).svg()))
        #expect(page.count("polyline") == 1)
        // Circles of the first series and of its legend; squares of the second and of its legend.
        #expect(page.count("circle") == 5 && page.count("polygon") == 2)
        for text in ["Title", "MB", "KL", "2 bits", "5 bits", "a.taper", "reference", "0.1"] {
            #expect(page.texts.contains(text), "\(text)")
        }
        #expect(page.texts.count { $0 == "q4.gguf" } == 2)
        #expect(page.count("line", "mark") == 1)
    }

    /// On a logarithmic axis equal ratios are equal distances.
    @Test func theVerticalAxisIsLogarithmic() throws {
        let page = try #require(Page(plot([4, 2, 1, 0.5]).svg()))
        let heights = page.elements.filter { $0.name == "circle" }.compactMap { Double($0.attributes["cy"] ?? "") }
            .suffix(4)
        let steps = zip(heights.dropFirst(), heights).map { $0 - $1 }
        #expect(steps.count == 3 && steps.allSatisfy { abs($0 - steps[0]) < 0.03 && $0 > 10 })
        let one = try #require(page.position(of: "1"))
        let circle = try #require(heights.dropFirst(2).first)
        #expect(abs(one.y - 4 - circle) < 0.02)
    }

    @Test func hostileLabelsStayText() throws {
        let name = "<script>&\"'\u{1}\u{ffff}]]>" + String(repeating: "x", count: 500)
        let page = try #require(Page(plot([1, 0.1], name: name).svg()))
        #expect(page.count("script") == 0)
        #expect(page.texts.contains { $0.hasPrefix("<script>&\"'\u{fffd}\u{fffd}]]>") && $0.count < 60 })
    }

    @Test(
        arguments: [[], [0.1], [0.1, 0.1], [0, .nan, .infinity], [1e-9, 1e6], [1.001, 1.002, 1.0021]] as [[Double]])
    func anyFiguresMakeASoundPage(values: [Double]) throws {
        let svg = plot(values).svg()
        #expect(Page(svg) != nil && !svg.contains("nan") && !svg.contains("inf,"))
        #expect(svg == plot(values).svg())
        var empty = plot([])
        empty.series = []
        empty.mark = nil
        #expect(try #require(Page(empty.svg())).texts.contains("nothing to draw"))
    }

    @Test func labelsDoNotCoverOneAnother() throws {
        var crowded = plot([1, 0.95, 0.9, 0.85, 0.8])
        crowded.series[1].points = (0..<6).map { .init(x: 90 + Double($0), y: 0.9, label: "same place \($0)") }
        let page = try #require(Page(crowded.svg()))
        let places = page.texts.filter { $0.hasPrefix("same place") }.compactMap { page.position(of: $0) }
        #expect(places.count >= 2)
        for (index, a) in places.enumerated() {
            for b in places[..<index] { #expect(abs(a.y - b.y) > 8 || abs(a.x - b.x) > 40) }
        }
    }
}
