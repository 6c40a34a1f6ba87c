public import Kernels
import Scoring
public import Storage

/// Tells which answers to code problems pass their tests; equal programs are run once.
public final class CodeJudge {
    private let problems: [CodeProblem]
    private let sandbox: CodeSandbox
    private let pool: ThreadPool
    private var known: [String: CodeOutcome] = [:]

    /// - Parameters:
    ///   - consent: whether the user has asked for code of a model to be run here.
    ///   - sandbox: nil: the usual one.
    /// - Throws: `usage` without consent, `badData` for an example without tests, and what `CodeSandbox` throws.
    public init(
        _ examples: [TaskExample], consent: Bool, sandbox: CodeSandbox? = nil, pool: ThreadPool, place: String
    ) throws(TaperError) {
        guard consent else {
            throw TaperError(
                .usage, "\(TaskMetric.passAt1.rawValue) runs code that a model wrote, on this machine",
                at: field("metric"),
                remedy: "Read in pipelines/code.md what confines it, then allow it with \(field("run_code"))")
        }
        var problems: [CodeProblem] = []
        for (index, example) in examples.enumerated() {
            guard let problem = example.problem else {
                throw TaperError(
                    .badData, "the example has no tests to run", at: place + ": example \(index + 1)",
                    expected: "\"prompt\", \"test\" and \"entry_point\"")
            }
            problems.append(problem)
        }
        self.problems = problems
        self.pool = pool
        if let sandbox {
            self.sandbox = sandbox
        } else {
            self.sandbox = try CodeSandbox()
        }
    }

    /// What is to be said of how the code is confined; nil when nothing is missing.
    public var warning: String? {
        if sandbox.protections == .all { return nil }
        let missing = sandbox.protections.contains(.namespaces) ? "a file system of its own" : "namespaces"
        return "code of the model runs without \(missing): it can write where this user can (pipelines/code.md)"
    }

    /// Outcomes of answers, one list for every example of those given, run on all threads.
    public func outcomes(_ answers: [(example: Int, text: String)]) throws(TaperError) -> [CodeOutcome] {
        let programs = answers.map { problems[$0.example].program(answer: $0.text) }
        var waiting = Array(Set(programs.filter { known[$0] == nil })).sorted()
        while !waiting.isEmpty {
            try Interrupt.check("Nothing was written")
            let some = Array(waiting.prefix(4 * pool.threadCount))
            waiting.removeFirst(some.count)
            var results = [Result<CodeOutcome, TaperError>?](repeating: nil, count: some.count)
            results.withUnsafeMutableBufferPointer { results in
                // Every part writes its own place.
                pool.run(some.count) { index in
                    do throws(TaperError) {
                        results[index] = .success(try sandbox.run(some[index]))
                    } catch {
                        results[index] = .failure(error)
                    }
                }
            }
            for (program, result) in zip(some, results) { known[program] = try result?.get() }
        }
        return programs.map { known[$0] ?? .failed("not run") }
    }
}
