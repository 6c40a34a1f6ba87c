/// The Python in a model's answer.
///
/// - Of fenced blocks (Markdown) that name Python or no language, the first that defines the function, else the first that is
///   not blank. A block that nobody closed reaches to the end, if it names Python or defines the function; else the fence closes
///   what stands before it.
/// - Without one, from the first line that begins a definition or an import, if the function is among them.
/// - Else the answer is how the prompt goes on, up to what the paper stops at: a line that begins with `class`, `def`, `#`,
///   `if` or `print` (Chen et al. 2021, section 3.1), or a fence.
struct CodeAnswer: Equatable {
    let text: String
    /// Whether it defines the function itself, or else is its body.
    let isWhole: Bool

    init(_ answer: String, function: String) {
        let lines = CodeAnswer.lines(answer)
        func whole(_ lines: some Sequence<String>) -> Bool { lines.contains { CodeAnswer.defines(function, $0) } }
        let blocks = CodeAnswer.blocks(lines).filter { block in
            !block.lines.allSatisfy(CodeAnswer.isBlank) && (block.isCertain || whole(block.lines))
        }.map(\.lines)
        if let block = blocks.first(where: { whole($0) }) ?? blocks.first {
            text = block.joined(separator: "\n")
            isWhole = whole(block)
            return
        }
        if whole(lines), let start = lines.firstIndex(where: CodeAnswer.begins) {
            let ends = lines[start...].firstIndex(where: CodeAnswer.isFence) ?? lines.count
            text = lines[start..<ends].joined(separator: "\n")
            isWhole = true
            return
        }
        // The first line goes on where the prompt has ended, so no stop can stand there.
        let end = lines.dropFirst().firstIndex { line in
            CodeAnswer.isFence(line) || CodeAnswer.stops.contains { line.hasPrefix($0) }
        }
        text = lines[..<(end ?? lines.count)].joined(separator: "\n")
        isWhole = false
    }

    private static let stops = ["class", "def", "#", "if", "print"]

    /// Whether a line at the top level gives the function's name a meaning.
    static func defines(_ function: String, _ line: String) -> Bool {
        for start in ["def ", "async def ", ""] where line.hasPrefix(start + function) {
            let rest = line.utf8.dropFirst(start.utf8.count + function.utf8.count).drop { $0 == 0x20 }
            if start.isEmpty { return rest.first == 0x3d && rest.dropFirst().first != 0x3d }
            return rest.first == 0x28
        }
        return false
    }

    /// Split at line feeds alone: what else Unicode calls a new line may stand in a string. Carriage returns before them go.
    static func lines(_ text: String) -> [String] {
        text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 0x0d ? line.dropLast() : line, as: UTF8.self)
        }
    }

    private static func isBlank(_ line: String) -> Bool { line.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 } }

    private static func begins(_ line: String) -> Bool {
        ["def ", "async def ", "class ", "import ", "from ", "@"].contains { line.hasPrefix($0) }
    }

    /// The language behind a fence, in small letters; nil when the line is none.
    private static func fence(_ line: String) -> String? {
        let spaces = line.utf8.prefix { $0 == 0x20 }.count
        let ticks = line.utf8.dropFirst(spaces).prefix { $0 == 0x60 }.count
        guard spaces <= 3, ticks >= 3 else { return nil }
        let language = line.utf8.dropFirst(spaces + ticks).filter { $0 != 0x20 && $0 != 0x09 }
        return String(decoding: language, as: UTF8.self).lowercased()
    }

    private static func isFence(_ line: String) -> Bool { fence(line) != nil }

    /// Blocks that may be Python; those are certain that say so or are closed.
    private static func blocks(_ lines: [String]) -> [(lines: [String], isCertain: Bool)] {
        var blocks: [(lines: [String], isCertain: Bool)] = []
        var open: (language: String, lines: [String])?
        func close(_ isClosed: Bool) {
            guard let open, ["", "python", "python3", "py"].contains(open.language) else { return }
            blocks.append((open.lines, isClosed || !open.language.isEmpty))
        }
        for line in lines {
            guard let language = fence(line) else {
                open?.lines.append(line)
                continue
            }
            if open == nil {
                open = (language, [])
            } else if language.isEmpty {
                close(true)
                open = nil
            } else {
                open?.lines.append(line)
            }
        }
        close(false)
        return blocks
    }
}
