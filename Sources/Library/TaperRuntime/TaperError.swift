package import Storage

/// What went wrong, where, what was expected and found, and what to do about it: the one error of `TaperRuntime` and
/// `TaperConvert`.
///
/// Two errors are equal when their codes are: programs look at the kind, people read the description.
public struct TaperError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable kinds of failure.
    public enum Code: Sendable, Hashable {
        /// A setting or an argument makes no sense.
        case invalidArgument
        /// A file breaks its format's rules, or a text does not fit where it is to go.
        case invalidData
        /// What was asked for is well-formed, but nothing that Taper does.
        case unsupported
        /// A file does not exist or cannot be opened.
        case notFound
        /// An output cannot be created, or exists already.
        case cannotCreate
        /// Reading or writing failed midway, or there is not enough memory.
        case inputOutput
        /// Somebody else is at work on the same thing.
        case busy
        /// The task was cancelled.
        case cancelled
        /// A verification found damage.
        case verificationFailed
        /// Taper's own fault.
        case internalFault
    }

    public let code: Code
    /// What went wrong; of some errors the whole story.
    public let what: String
    /// File, section or setting; empty where none is named, as the others below.
    public let place: String
    public let expected: String
    public let found: String
    /// What to do about it.
    public let remedy: String

    public init(
        _ code: Code, _ what: String, at place: String = "", expected: String = "", found: String = "",
        remedy: String = ""
    ) {
        self.code = code
        self.what = what
        self.place = place
        self.expected = expected
        self.found = found
        self.remedy = remedy
    }

    /// All of it in one line.
    public var description: String {
        var line = place.isEmpty ? what : place + ": " + what
        if !expected.isEmpty { line += "; expected " + expected }
        if !found.isEmpty { line += expected.isEmpty ? "; found " + found : ", found " + found }
        return remedy.isEmpty ? line : line + ". " + remedy
    }

    public static func == (left: TaperError, right: TaperError) -> Bool { left.code == right.code }
}

/// What the modules below throw.
package typealias ModuleError = Storage.TaperError

extension TaperError {
    /// - Parameter word: how users of the library set a field; nil for its name in Swift's spelling.
    package init(_ error: ModuleError, word: (String) -> String? = { _ in nil }) {
        func told(_ text: String) -> String { worded(text) { word($0) ?? camelCased($0) } }
        self.init(
            Code(error.code), told(error.what), at: told(error.place), expected: told(error.expected),
            found: told(error.found), remedy: told(error.remedy))
    }
}

extension TaperError.Code {
    init(_ code: ModuleError.Code) {
        self =
            switch code {
            case .verificationFailed: .verificationFailed
            case .usage: .invalidArgument
            case .badData: .invalidData
            case .unsupported: .unsupported
            case .noInput: .notFound
            case .internalFault: .internalFault
            case .cannotCreate: .cannotCreate
            case .inputOutput: .inputOutput
            case .busy: .busy
            case .interrupted: .cancelled
            }
    }
}

/// How users of the library set a field: "contextLength" is "context_length".
private func camelCased(_ field: String) -> String {
    switch field {
    case "no_mmap": return "copiesFile"
    case "bits_prefill": return "prefill"
    case "max_new_tokens": return "maxTokens"
    case "schedule", "switch": return "precision"
    default: break
    }
    let words = field.split(separator: "_")
    return words.dropFirst().reduce(words.first.map(String.init) ?? "") {
        $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
}

/// Runs what the modules below do; their errors become the library's.
package func translated<R>(
    word: (String) -> String? = { _ in nil }, _ body: () throws(ModuleError) -> R
) throws(TaperError) -> R {
    do throws(ModuleError) { return try body() } catch { throw TaperError(error, word: word) }
}
