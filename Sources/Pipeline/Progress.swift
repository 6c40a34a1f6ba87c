import Storage

/// Progress of long work on standard error: a bar with time left on a terminal, plain lines elsewhere.
public final class Progress {
    public enum Verbosity: Sendable { case quiet, normal, verbose }

    public let verbosity: Verbosity
    private let isTerminal: Bool
    private var stage = ""
    private var stageStart = 0.0
    private var lastShown = 0.0
    private var lastLineFraction = 0.0

    public init(_ verbosity: Verbosity) {
        self.verbosity = verbosity
        isTerminal = StandardStreams.isTerminal(2) && Files.environment("TERM") != "dumb"
    }

    /// Starts a stage; the one before is over.
    public func begin(_ name: String) {
        stage = name
        stageStart = monotonicSeconds()
        lastShown = 0
        lastLineFraction = 0
        if verbosity != .quiet && !isTerminal { line("\(name) ...") }
    }

    /// `fraction` of the stage done, from 0 to 1.
    public func update(_ fraction: Double, _ detail: String = "") {
        guard verbosity != .quiet else { return }
        let now = monotonicSeconds()
        let elapsed = now - stageStart
        let left = fraction > 0.02 ? elapsed / fraction - elapsed : .nan
        let tail = left.isFinite ? ", " + Self.duration(left) + " left" : ""
        if isTerminal {
            guard now - lastShown > 0.1 || fraction >= 1 else { return }
            lastShown = now
            let width = 24
            let filled = Int(Double(width) * min(max(fraction, 0), 1))
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            write("\r\u{1b}[K\(stage) \(bar) \(fixed(fraction * 100, 0))%\(tail) \(detail)")
        } else if now - lastShown > 10 || (verbosity == .verbose && fraction - lastLineFraction > 0.05) {
            if lastShown == 0 && verbosity != .verbose { lastShown = now; return }
            lastShown = now
            lastLineFraction = fraction
            line("\(stage): \(fixed(fraction * 100, 0))%\(tail) \(detail)")
        }
    }

    /// Ends a stage with what came of it.
    public func end(_ result: String) {
        guard verbosity != .quiet else { return }
        let seconds = Self.duration(monotonicSeconds() - stageStart)
        if isTerminal { write("\r\u{1b}[K") }
        line("\(stage): \(result) (\(seconds))")
    }

    public func note(_ text: String) {
        guard verbosity != .quiet else { return }
        if isTerminal { write("\r\u{1b}[K") }
        line(text)
    }

    /// Warnings are shown even when quiet.
    public func warn(_ text: String) {
        if isTerminal { write("\r\u{1b}[K") }
        line("warning: " + text)
    }

    private func line(_ text: String) { StandardStreams.note(text) }
    private func write(_ text: String) { StandardStreams.writeError(text) }

    static func duration(_ seconds: Double) -> String {
        if seconds < 10 { return fixed(seconds, 1) + " s" }
        if seconds < 120 { return fixed(seconds, 0) + " s" }
        let whole = Int(seconds)
        return "\(whole / 60) min \(whole % 60) s"
    }
}
