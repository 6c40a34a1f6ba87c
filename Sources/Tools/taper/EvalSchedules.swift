import ArgumentParser
import Bundle
import Calibration
import Checkpoint
import Evaluation
import Experiments
import Kernels
import Scoring
import Model
import Pipeline
import Reference
import Runtime
import Storage

struct Schedules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ways to spend bits on a task side by side: constants, placements, schedules, controls.",
        discussion: """
            Every method answers the same examples greedily, starting from the same prompts. Each is compared with Baseline-H and
            with constant precisions of equal bytes; where answers are right or wrong, by what a right one costs, too. What changes
            precision within an answer has controls: the same bits reversed, and dealt at random. --report also draws
            schedules-*.svg.
            """)
    @Argument(help: "The bundle.", completion: .file()) var bundle: String
    @Option(help: "Examples: JSONL with \"prompt\" or \"messages\", and \"reference\".", completion: .file()) var data:
        String
    @OptionGroup var translation: TranslationOptions
    @Option(help: "Full-precision checkpoint the bundle was made of.", completion: .file()) var reference: String
    @Option(help: "High precision (default: 4, or the highest below).") var high: Precision?
    @Option(help: "Low precision (default: the bundle's lowest).") var low: Precision?
    @Option(help: "Precision that reads prompts (default: the high one).") var bitsPrefill: Precision?
    @Option(help: "Metrics that compare texts, exact-number, or pass@1, separated by commas.") var metric = "rouge-l"
    @OptionGroup var code: CodeOptions
    @Option(help: "At most this many examples.") var examples = 200
    @Option(help: "New tokens per answer.") var maxNewTokens = 64
    @Option(help: "Answers drawn for each example (default: one, greedy).") var samples: Int?
    @Option(help: "Temperature of --samples; top-p is 0.95.") var temperature = 0.2
    @Option(
        help: "Examples to calibrate schedules on first: other than those of --data.",
        completion: .file())
    var calibrate: String?
    @Option(help: "At most this many examples to calibrate on.") var calibrationExamples = 32
    @Option(help: "Score that calibrated schedules may lose, from 0 to 1.") var tolerance = 0.01
    @Option(
        help: "Deviations of the confidence rule, such as 0,1 (default: matched to the calibrated bits, else 0,1,2).")
    var confidence: String?
    @Option(help: "Margins of precision by need beside the bundle's own rule, in nats, such as 2,4.5.")
    var margins: String?
    @Option(
        help:
            "What to compare beside the constants: \(ExperimentMethod.Kind.optional.map(\.rawValue).joined(separator: ", ")) (default: all)."
    )
    var methods: String?
    @Option(help: "Average bits of dense-and-sparse weights, such as 2.5 (default: those of the calibrated schedule).")
    var dns: String?
    @Flag(help: "Leave the dense-and-sparse decomposition out.") var withoutDns = false
    @Option(help: "Orders dealt at random for every method that changes precision (0: none).") var deals = 3
    @Option(help: "Precisions that draft the high one's answers, such as 2,3 (default: the low one).")
    var draftBits: String?
    @Flag(help: "Leave drafted answers out.") var withoutDrafts = false
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Also write the report to this folder, as Markdown, JSON and SVG.", completion: .directory)
    var report: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        try OptionLimit.check("--examples", examples, 1...OptionLimit.examples)
        try OptionLimit.check("--calibration-examples", calibrationExamples, 1...OptionLimit.examples)
        try OptionLimit.check("--max-new-tokens", maxNewTokens, 1...OptionLimit.newTokens)
        try OptionLimit.check("--samples", samples, 1...1000)
        try OptionLimit.check("--deals", deals, 0...StepOrder.mostDeals)
        guard draftBits == nil || !withoutDrafts else {
            throw TaperError(.usage, "--draft-bits and --without-drafts contradict each other", at: "schedules")
        }
        guard temperature > 0, temperature <= 10 else {
            throw TaperError(.usage, "--temperature must be above 0, and at most 10", at: "schedules")
        }
        guard tolerance >= 0, tolerance <= 1 else {
            throw TaperError(.usage, "--tolerance must be 0 to 1", at: "schedules")
        }
        let folder = try ReportFolder(
            report, name: "schedules", models: [bundle, reference], texts: [data, calibrate])
        let progress = Progress(output.verbosity)
        let plan = ScheduleExperimentPlan(
            bundlePath: bundle, dataPath: data, direction: try translation.parsed(), referencePath: reference,
            metrics: try metrics(), high: high, low: low, prefill: bitsPrefill, exampleLimit: examples,
            maxNewTokens: maxNewTokens,
            calibrationPath: calibrate, calibrationLimit: calibrationExamples, tolerance: tolerance,
            confidence: try numbers(confidence, "--confidence"),
            denseSparse: withoutDns ? [] : try numbers(dns, "--dns"),
            draftBits: withoutDrafts
                ? [] : try draftBits.map { try Precision.list(parsing: $0, place: "--draft-bits") },
            deals: deals, threads: try Threads.count(threads),
            sampleCount: samples ?? 0, temperature: temperature, runsCode: code.runCode,
            margins: try distances(), kinds: try kinds())
        let outcome = try plan.run(progress)
        let document = outcome.result.json(
            model: bundle, reference: reference, data: data, warnings: outcome.warnings)
        let tables = ExperimentReport(outcome.result)
        if let folder { try write(outcome, tables, document, to: folder) }
        if json {
            Console.out(document)
        } else {
            show(outcome, tables)
        }
    }

    private func distances() throws(TaperError) -> [Double] {
        let all = try numbers(margins, "--margins") ?? []
        guard all.allSatisfy({ $0 >= 0 && Float($0).isFinite }) else {
            throw TaperError(.usage, "a margin is 0 or more", at: "--margins", found: printable(margins ?? ""))
        }
        return all
    }

    private func kinds() throws(TaperError) -> [ExperimentMethod.Kind]? {
        guard let methods else { return nil }
        var kinds: [ExperimentMethod.Kind] = []
        for name in methods.split(separator: ",", omittingEmptySubsequences: false) {
            let name = name.trimmingPrefix(" ")
            guard let kind = ExperimentMethod.Kind.optional.first(where: { $0.rawValue == name }) else {
                throw TaperError(
                    .usage, "no such method", at: "--methods",
                    expected: ExperimentMethod.Kind.optional.map(\.rawValue).joined(separator: ", "),
                    found: printable(String(name)))
            }
            kinds.append(kind)
        }
        return kinds
    }

    private func metrics() throws(TaperError) -> [TaskMetric] {
        var all: [TaskMetric] = []
        for name in metric.split(separator: ",") { all.append(try TaskMetric(name: String(name))) }
        for metric in all where metric.needsFullPrecision {
            throw TaperError(
                .usage, "\(metric.rawValue) is no metric of texts or tests", at: "--metric",
                remedy: "Divergence and likeness are always reported; name metrics such as rouge-l")
        }
        guard !all.isEmpty else { throw TaperError(.usage, "there is no metric", at: "--metric") }
        return all
    }

    private func numbers(_ text: String?, _ place: String) throws(TaperError) -> [Double]? {
        guard let text else { return nil }
        var all: [Double] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = parseDouble(String(part)), value.isFinite else {
                throw TaperError(
                    .usage, "not a list of numbers", at: place, expected: "such as 0,1", found: printable(text))
            }
            all.append(value)
        }
        return all
    }

    private func write(
        _ outcome: ScheduleExperimentPlan.Outcome, _ tables: ExperimentReport, _ document: JSONValue,
        to folder: ReportFolder
    ) throws(TaperError) {
        var plots: [(file: String, text: String)] = []
        for plot in outcome.plots {
            let file = "schedules-\(plot.name).svg"
            try folder.write(file, plot.plot.svg())
            plots.append((file, plot.plot.title + ", " + plot.plot.xName))
        }
        let markdown = tables.markdown(
            title: "\(Files.name(of: bundle)) on \(Files.name(of: data))", warnings: outcome.warnings, plots: plots)
        try folder.write("schedules.md", markdown)
        try folder.write("schedules.json", document)
    }

    private func show(_ outcome: ScheduleExperimentPlan.Outcome, _ tables: ExperimentReport) {
        Console.out(Console.strong("\(bundle) on \(data)"))
        for part in [tables.methods, tables.opponents, tables.orders, tables.rightAnswers].compactMap({ $0 }) {
            var table = TextTable(part.header)
            part.rows.forEach { table.add($0) }
            table.lines().forEach { Console.out($0) }
            Console.out("")
        }
        tables.findings.forEach { Console.out($0) }
        tables.notes.forEach { Console.out(Console.faint($0)) }
    }
}
