import Storage

/// Standard output carries results, standard error everything else.
enum Console {
    /// Lines for people. Names and texts from files are in them, so control characters are escaped but for line feeds and tabs.
    static func out(_ text: String) { StandardStreams.write(line(text) + "\n") }
    /// What `out` writes of a text, without the end of the line.
    static func line(_ text: String) -> String { visible(StandardStreams.shown(text)) }
    static func note(_ text: String) { StandardStreams.note(text) }

    /// JSON, which escapes control characters itself.
    static func out(_ json: JSONValue, indented: Bool = true) {
        StandardStreams.write(StandardStreams.shown(json.text(indented: indented)) + "\n")
    }

    private static func visible(_ text: String) -> String {
        var line = text.split(separator: "\t", omittingEmptySubsequences: false).map { withoutControls(String($0)) }
            .joined(separator: "\t")
        guard isTerminal else { return line }
        // Our own styles, which harm nobody who writes them into a file.
        for style in ["[0m", "[1m", "[2m"] { line = line.replacing("\\u{1b}" + style, with: "\u{1b}" + style) }
        return line
    }

    static var isTerminal: Bool {
        StandardStreams.isTerminal(1) && Files.environment("NO_COLOR") == nil && Files.environment("TERM") != "dumb"
    }

    /// Bold on a terminal, plain elsewhere. Headings are one line, whatever line feeds a name in them has.
    static func strong(_ text: String) -> String {
        let line = printable(text, limit: 8000)
        return isTerminal ? "\u{1b}[1m" + line + "\u{1b}[0m" : line
    }
    static func faint(_ text: String) -> String { isTerminal ? "\u{1b}[2m" + text + "\u{1b}[0m" : text }
}

/// Columns aligned for people: numbers right, words left.
struct TextTable {
    private var rows: [[String]] = []
    private let header: [String]

    init(_ header: [String]) { self.header = header }

    mutating func add(_ row: [String]) { rows.append(row) }

    func lines(indent: Int = 2) -> [String] {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            var line = String(repeating: " ", count: indent)
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                // Words in the first column stand left, figures right.
                line += column == 0 ? cell + space : "  " + space + cell
            }
            return index == 0 ? Console.faint(line) : line
        }
    }

    var markdown: String {
        func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        let rule = "|" + header.indices.map { $0 == 0 ? "---|" : "---:|" }.joined()
        return ([row(header), rule] + rows.map(row)).joined(separator: "\n")
    }
}
