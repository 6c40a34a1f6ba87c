import Model
import Storage

/// Standard output, coloured by precision where that can be seen.
final class Output {
    let isColoured: Bool
    private var colour: Precision = 0
    private var endsLine = true

    init(coloured: Bool) { isColoured = coloured }

    /// Whether anybody still takes what is written.
    var isUsable: Bool { !StandardStreams.outputIsClosed && failure == nil }
    /// Why writing failed, such as a full disk; a reader that went away is no failure.
    var failure: TaperError? { StandardStreams.outputFailure }

    func write(_ text: String, bits: Precision = 0) {
        if text.isEmpty { return }
        if isColoured && bits != colour {
            StandardStreams.write(bits == 0 ? "\u{1b}[0m" : Output.escape(bits))
            colour = bits
        }
        StandardStreams.write(text)
        endsLine = text.utf8.last == 0x0a
    }

    /// Ends coloured text, and the line if it is open.
    func endLine() {
        if isColoured && colour != 0 {
            StandardStreams.write("\u{1b}[0m")
            colour = 0
        }
        if !endsLine { StandardStreams.write("\n") }
        endsLine = true
    }

    /// Many bits are cold, few are warm; readable on dark and light backgrounds.
    private static func escape(_ bits: Precision) -> String {
        let palette = [208, 208, 208, 178, 34, 37, 33, 63, 99]
        return "\u{1b}[38;5;" + String(palette[min(max(bits.roundedDown, 0), palette.count - 1)]) + "m"
    }

    /// "6 bits  4 bits", each in its colour.
    static func legend(_ bits: [Precision]) -> String {
        bits.map { escape($0) + $0.text + " bits\u{1b}[0m" }.joined(separator: "  ")
    }
}

/// Lines of standard input.
struct LineReader {
    private var buffer: [UInt8] = []
    private var isAtEnd = false
    /// A message longer than this is refused rather than held in memory.
    private static let limit = 16 << 20

    /// The next line without its newline; nil at the end of input or when a signal interrupts the wait.
    /// - Throws: `badData` for a line that is not UTF-8: what it was meant to say nobody knows.
    mutating func next() throws(TaperError) -> String? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                let line = Array(buffer[..<end])
                buffer.removeFirst(end + 1)
                return try text(line)
            }
            searched = buffer.count
            if isAtEnd {
                if buffer.isEmpty { return nil }
                let line = buffer
                buffer = []
                return try text(line)
            }
            do throws(TaperError) {
                let chunk = try StandardStreams.read(atMost: 1 << 14)
                isAtEnd = chunk.isEmpty
                buffer += chunk
            } catch {
                if error.code == .interrupted { return nil }
                throw error
            }
            if buffer.count > LineReader.limit {
                throw TaperError(
                    .badData, "the line is too long", at: "standard input",
                    expected: "at most " + byteText(LineReader.limit))
            }
        }
    }

    private func text(_ line: [UInt8]) throws(TaperError) -> String {
        try line.withBytes { raw throws(TaperError) in
            guard let text = strictString(raw) else {
                throw TaperError(
                    .badData, "the line is not UTF-8", at: "standard input", remedy: "Set the terminal to UTF-8")
            }
            return text
        }
    }
}
