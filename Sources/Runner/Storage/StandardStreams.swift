internal import CPlatform

/// The process's standard streams, for everything that writes or reads them: standard output carries results, standard
/// error everything else, and what standard error does never changes how a program ends.
public enum StandardStreams {
    /// What became of standard output. Only the main thread writes.
    nonisolated(unsafe) private static var outputState: (isClosed: Bool, failure: TaperError?) = (false, nil)

    /// The program's word for a field; set once, before anything else runs.
    nonisolated(unsafe) private static var word: (String) -> String = { $0 }

    /// To be called before anything is opened: a file must not get the number of a stream that is closed.
    /// - Parameter flag: how the program's users set a field.
    public static func prepare(flag: @escaping (_ field: String) -> String = { $0 }) {
        word = flag
        tp_prepare_streams()
        tp_report_faults()
    }

    /// The reader of standard output went away (`| head`): nothing more can be said, and that is no error.
    public static var outputIsClosed: Bool { outputState.isClosed }
    /// Why standard output cannot be written otherwise, such as a full disk; a program that ends with this has failed.
    public static var outputFailure: TaperError? { outputState.failure }

    /// Writes to standard output, waiting for slow readers; after a failure it does nothing.
    public static func write(_ text: String) {
        guard !outputState.isClosed, outputState.failure == nil else { return }
        let result = send(text, to: 1)
        if result == brokenPipe {
            outputState.isClosed = true
        } else if result == interruptedCall {
            outputState.failure = TaperError(.interrupted, "interrupted by signal " + String(Interrupt.signal))
        } else if result < 0 {
            outputState.failure = TaperError(.inputOutput, "cannot write: " + systemText(result), at: "standard output")
        }
    }

    /// Writes to standard error as it is; a failure there has nowhere to be told.
    public static func writeError(_ text: String) { _ = send(text, to: 2) }

    /// A message with its fields as the program's flags.
    public static func shown(_ message: String) -> String { worded(message, word) }

    /// Writes a line to standard error, fields as the program's flags, control characters escaped.
    public static func note(_ line: String) { writeError(withoutControls(shown(line)) + "\n") }

    /// "error: " and the message.
    public static func report(_ error: TaperError) { note("error: " + error.message) }

    /// Ends the process.
    public static func exit(_ status: Int32) -> Never { tp_exit(status) }

    public static func isTerminal(_ descriptor: Int32) -> Bool { tp_is_terminal(descriptor) == 1 }

    /// Some bytes of standard input, none at its end.
    /// - Throws: `interrupted` when a signal ends the wait.
    public static func read(atMost count: Int) throws(TaperError) -> [UInt8] {
        var result: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            result = tp_stream_read(0, buffer.baseAddress, count)
            used = max(0, Int(result))
        }
        if result == interruptedCall {
            throw TaperError(.interrupted, "interrupted by signal " + String(Interrupt.signal))
        }
        guard result >= 0 else {
            throw TaperError(.inputOutput, "cannot read: " + systemText(result), at: "standard input")
        }
        return bytes
    }

    /// Standard input to its end, at most `limit` bytes.
    public static func readAll(limit: Int) throws(TaperError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = try read(atMost: 1 << 16)
            if chunk.isEmpty { return all }
            all += chunk
            if all.count > limit {
                throw TaperError(
                    .badData, "too much text", at: "standard input", expected: "at most " + byteText(limit))
            }
        }
    }

    private static func send(_ text: String, to descriptor: Int32) -> Int64 {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { tp_stream_write(descriptor, $0.baseAddress, $0.count) }
    }
}

/// -EPIPE and -EINTR.
private let brokenPipe: Int64 = -32
private let interruptedCall: Int64 = -4
