import Storage

/// Standard output carries results, standard error everything else.
enum Console {
    static func out(_ text: String) { StandardStreams.write(StandardStreams.shown(text) + "\n") }
    static func note(_ text: String) { StandardStreams.note(text) }

    static func out(_ json: JSONValue) { out(json.text(indented: true)) }

    static var isTerminal: Bool {
        StandardStreams.isTerminal(1) && Files.environment("NO_COLOR") == nil && Files.environment("TERM") != "dumb"
    }

    /// Bold on a terminal, plain elsewhere.
    static func strong(_ text: String) -> String { isTerminal ? "\u{1b}[1m" + text + "\u{1b}[0m" : text }
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
