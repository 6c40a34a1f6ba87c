/// The one error type of Taper: what went wrong, where, what was expected and found, and what to do about it.
///
/// Two errors are equal when their codes are: tests assert the kind, people read the message.
public struct TaperError: Error, Equatable, Sendable {
    /// Stable kinds of failure, each with the exit code the command line promises.
    public enum Code: UInt8, Sendable {
        /// A quality gate or a verification failed.
        case verificationFailed
        /// A flag or argument is wrong.
        case usage
        /// Input bytes break their format's rules.
        case badData
        /// Input is well-formed, but asks for something Taper does not do.
        case unsupported
        /// A named input does not exist or cannot be opened.
        case noInput
        /// Our own fault.
        case internalFault
        /// An output cannot be created or already exists.
        case cannotCreate
        /// Reading or writing failed midway: disk full, device error.
        case inputOutput
        /// Somebody else holds the lock, or earlier work can be resumed.
        case busy
        /// A signal asked us to stop.
        case interrupted
    }

    public let code: Code
    private let parts: Parts

    /// One object, so that an error stays small to throw.
    private final class Parts: Sendable {
        let what, place, expected, found, remedy: String

        init(_ what: String, place: String, expected: String, found: String, remedy: String) {
            self.what = what
            self.place = place
            self.expected = expected
            self.found = found
            self.remedy = remedy
        }
    }

    private init(_ code: Code, _ parts: Parts) {
        self.code = code
        self.parts = parts
    }

    // Errors are made in hundreds of places, and a small program has room for one copy of this.

    /// An error that is told in one sentence, which becomes its `what`.
    @inline(never)
    public init(_ code: Code, _ message: String) {
        self.init(code, Parts(message, place: "", expected: "", found: "", remedy: ""))
    }

    @inline(never)
    public init(
        _ code: Code, _ what: String, at place: String, expected: String = "", found: String = "",
        remedy: String = ""
    ) {
        // Names of files and pieces of them come through here.
        func safe(_ text: String) -> String { printable(text, limit: 4000) }
        self.init(
            code, Parts(what, place: safe(place), expected: safe(expected), found: safe(found), remedy: remedy))
    }

    /// What went wrong; of some errors the whole story.
    public var what: String { parts.what }
    /// File, section, field or setting; empty where none is named, as the others below.
    public var place: String { parts.place }
    public var expected: String { parts.expected }
    public var found: String { parts.found }
    /// What to do about it.
    public var remedy: String { parts.remedy }

    /// One line, complete: what, where, expected, found, remedy, in the order a reader needs them. Settings in it are marked
    /// (`field`): show it through `StandardStreams`, or `worded`.
    public var message: String {
        var line = place.isEmpty ? what : place + ": " + what
        if !expected.isEmpty { line += "; expected " + expected }
        if !found.isEmpty { line += expected.isEmpty ? "; found " + found : ", found " + found }
        if !remedy.isEmpty { line += ". " + remedy }
        return line
    }

    /// Process exit status for this kind of failure (sysexits.h where it has one).
    public var exitCode: Int32 {
        switch code {
        case .verificationFailed: 2
        case .usage: 64
        case .badData, .unsupported: 65
        case .noInput: 66
        case .internalFault: 70
        case .cannotCreate: 73
        case .inputOutput: 74
        case .busy: 75
        case .interrupted: 130
        }
    }

    /// The same error with the place it happened put in front, for callers that know more than the thrower.
    @inline(never)
    public func at(_ place: String) -> TaperError {
        TaperError(
            code,
            Parts(
                what, place: self.place.isEmpty ? place : place + ": " + self.place, expected: expected, found: found,
                remedy: remedy))
    }

    public static func == (left: TaperError, right: TaperError) -> Bool { left.code == right.code }
}

/// Text from untrusted bytes made safe to print: control characters escaped, length limited.
public func printable(_ text: String, limit: Int = 80) -> String {
    var out = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit { return out + "..." }
        count += 1
        append(scalar, to: &out)
    }
    return out
}

/// The same for whole messages: of any length, and of several lines.
public func withoutControls(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
        if scalar == "\n" { out.unicodeScalars.append(scalar) } else { append(scalar, to: &out) }
    }
    return out
}

private func append(_ scalar: UnicodeScalar, to out: inout String) {
    if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
        out += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else if scalar.value >= 0x10ff80 {
        // A byte of a name that is not UTF-8 (`Files.text`).
        out += "\\x" + String(scalar.value - 0x10ff00, radix: 16)
    } else {
        out.unicodeScalars.append(scalar)
    }
}
