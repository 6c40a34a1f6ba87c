import Storage

/// Progress of long work on standard error: a bar with time left on a terminal, plain lines elsewhere. Or for somebody who observes
/// it instead.
public final class Progress {
    public enum Verbosity: Sendable { case quiet, normal, verbose }

    /// What an observer hears.
    package enum Event {
        case began(stage: String)
        /// A share of the stage from 0 to 1; seconds left of all stages, where they can be told.
        case advanced(stage: String, fraction: Double, secondsLeft: Double?)
        case ended(stage: String, result: String)
        case note(String)
        case warning(String)
    }

    public let verbosity: Verbosity
    private let isTerminal: Bool
    private let observe: ((Event) -> Void)?
    private var stage = ""
    private var start = monotonicSeconds()
    private var stageStart = 0.0
    private var lastShown = 0.0
    private var lastLineFraction = 0.0
    private var estimator = TimeEstimator()

    public init(_ verbosity: Verbosity) {
        self.verbosity = verbosity
        isTerminal = StandardStreams.isTerminal(2) && Files.environment("TERM") != "dumb"
        observe = nil
    }

    /// Nothing goes to standard error.
    package init(observer: @escaping (Event) -> Void) {
        verbosity = .quiet
        isTerminal = false
        observe = observer
    }

    /// Says which stages are to come and about how long they take, so that the time left of all can be told.
    func expect(_ stages: [TimeEstimator.Stage]) {
        estimator = TimeEstimator(stages)
        start = monotonicSeconds()
    }

    /// Starts a stage; the one before is over.
    public func begin(_ name: String) {
        stage = name
        stageStart = monotonicSeconds()
        estimator.begin(name, at: stageStart)
        lastShown = 0
        lastLineFraction = 0
        observe?(.began(stage: name))
        if verbosity != .quiet && !isTerminal { line("\(name) ...") }
    }

    /// `fraction` of the stage done, from 0 to 1.
    public func update(_ fraction: Double, _ detail: String = "") {
        guard verbosity != .quiet || observe != nil else { return }
        let now = monotonicSeconds()
        estimator.update(fraction, at: now)
        if let observe {
            return observe(.advanced(stage: stage, fraction: fraction, secondsLeft: estimator.left(at: now).all))
        }
        let tail = leftText(at: now) + (detail.isEmpty ? "" : ", " + detail)
        if isTerminal {
            guard now - lastShown > 0.1 || fraction >= 1 else { return }
            lastShown = now
            let width = 24
            let filled = Int(Double(width) * min(max(fraction, 0), 1))
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            write("\r\u{1b}[K\(stage) \(bar) \(fixed(fraction * 100, 0))%\(tail)")
        } else if now - lastShown > 10 || (verbosity == .verbose && fraction - lastLineFraction > 0.05) {
            if lastShown == 0 && verbosity != .verbose { lastShown = now; return }
            lastShown = now
            lastLineFraction = fraction
            line("\(stage): \(fixed(fraction * 100, 0))%\(tail)")
        }
    }

    /// ", 2 min 10 s left (in all 12 min 0 s left, 40% done)", as far as it is known.
    private func leftText(at now: Double) -> String {
        let left = estimator.left(at: now)
        var text = left.stage.map { ", " + Self.duration($0) + " left" } ?? ""
        if let all = left.all {
            let share = estimator.share(at: now, since: start).map { ", " + fixed($0 * 100, 0) + "% done" } ?? ""
            text += " (in all " + Self.duration(all) + " left" + share + ")"
        }
        return text
    }

    /// Ends a stage with what came of it.
    public func end(_ result: String) {
        let now = monotonicSeconds()
        estimator.end(at: now)
        observe?(.ended(stage: stage, result: result))
        guard verbosity != .quiet else { return }
        let seconds = Self.duration(now - stageStart)
        if isTerminal { write("\r\u{1b}[K") }
        line("\(stage): \(result) (\(seconds))")
    }

    public func note(_ text: String) {
        observe?(.note(text))
        guard verbosity != .quiet else { return }
        if isTerminal { write("\r\u{1b}[K") }
        line(text)
    }

    /// Warnings are shown even when quiet.
    public func warn(_ text: String) {
        if let observe { return observe(.warning(text)) }
        if isTerminal { write("\r\u{1b}[K") }
        line("warning: " + text)
    }

    private func line(_ text: String) { StandardStreams.note(text) }
    private func write(_ text: String) { StandardStreams.writeError(text) }

    public static func duration(_ seconds: Double) -> String {
        if seconds < 10 { return fixed(seconds, 1) + " s" }
        if seconds < 120 { return fixed(seconds, 0) + " s" }
        if seconds < 7200 { return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s" }
        let minutes = Int(min(seconds, 1e12) / 60)
        return minutes < 2880
            ? "\(minutes / 60) h \(minutes % 60) min" : "\(minutes / 1440) days \(minutes / 60 % 24) h"
    }
}
