import CPlatform
import Model
import Storage

/// The process's streams. Standard output carries the result and nothing else.
enum Console {
    static func isTerminal(_ descriptor: Int32) -> Bool { tp_is_terminal(descriptor) == 1 }

    /// Writes to standard error; failures there have nowhere to be told.
    static func note(_ text: String) {
        var bytes = Array(text.utf8)
        bytes.append(0x0a)
        _ = bytes.withUnsafeBytes { tp_write(2, $0.baseAddress, $0.count) }
    }

    static func prompt(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { tp_write(2, $0.baseAddress, $0.count) }
    }
}

/// Standard output, coloured by precision where that can be seen.
final class Output {
    /// The reader went away (`| head`): nothing more can be said, and that is no error.
    private(set) var isClosed = false
    /// Why writing failed otherwise, such as a full disk.
    private(set) var failure: TaperError?
    let isColoured: Bool
    private var colour: Precision = 0
    private var endsLine = true

    init(coloured: Bool) { isColoured = coloured }

    var isUsable: Bool { !isClosed && failure == nil }

    func write(_ text: String, bits: Precision = 0) {
        if text.isEmpty { return }
        if isColoured && bits != colour {
            send(bits == 0 ? "\u{1b}[0m" : Output.escape(bits))
            colour = bits
        }
        send(text)
        endsLine = text.utf8.last == 0x0a
    }

    /// Ends coloured text, and the line if it is open.
    func endLine() {
        if isColoured && colour != 0 {
            send("\u{1b}[0m")
            colour = 0
        }
        if !endsLine { send("\n") }
        endsLine = true
    }

    private func send(_ text: String) {
        guard isUsable else { return }
        let bytes = Array(text.utf8)
        let result = bytes.withUnsafeBytes { tp_write(1, $0.baseAddress, $0.count) }
        if result == brokenPipe {
            isClosed = true
        } else if result < 0 {
            let reason = tp_error_text(Int32(truncatingIfNeeded: result)).map { String(cString: $0) } ?? ""
            failure = TaperError(.inputOutput, "cannot write: " + reason, at: "standard output")
        }
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

/// -EPIPE.
private let brokenPipe: Int64 = -32

/// Lines of standard input.
struct LineReader {
    private var buffer: [UInt8] = []
    private var isAtEnd = false
    /// A message longer than this is refused rather than held in memory.
    private static let limit = 16 << 20

    /// The next line without its newline; nil at the end of input or when a signal interrupts the wait.
    mutating func next() throws(TaperError) -> String? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line
            }
            searched = buffer.count
            if isAtEnd {
                if buffer.isEmpty { return nil }
                let line = String(decoding: buffer, as: UTF8.self)
                buffer = []
                return line
            }
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            let count = tp_read_interruptible(0, &chunk, chunk.count)
            if count == interruptedCall { return nil }
            if count < 0 { throw TaperError(.inputOutput, "cannot read", at: "standard input") }
            if count == 0 { isAtEnd = true }
            buffer.append(contentsOf: chunk[0..<Int(count)])
            if buffer.count > LineReader.limit {
                throw TaperError(
                    .badData, "the line is too long", at: "standard input",
                    expected: "at most " + byteText(LineReader.limit))
            }
        }
    }
}

/// -EINTR.
private let interruptedCall: Int64 = -4
