import ArgumentParser
import Bundle
import Checkpoint
import Evaluation
import Kernels
import Model
import Pipeline
import Reference
import Runtime
import Storage
import Text

struct Perplexity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Perplexity of a checkpoint, or of every precision and schedule of a bundle.",
        discussion: """
            With --completion the data are a task's examples, and only the tokens of the reference answers count, each given
            its prompt as the chat template renders it.
            """)
    @Argument(help: "Bundle or checkpoint.", completion: .file()) var model: String
    @Option(help: "Full-precision checkpoint to compare a bundle with.", completion: .file()) var reference: String?
    @OptionGroup var completion: CompletionOptions
    @OptionGroup var window: WindowOptions
    @OptionGroup var cache: CacheOption
    @OptionGroup var options: EvaluationOptions

    func run() throws {
        try QualityCommand(
            model: model, reference: reference, completion: completion, window: window, cacheBits: try cache.bits(),
            options: options
        ).run()
    }
}

struct Divergence: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kl", abstract: "KL divergence and top-1 agreement of a bundle with its full-precision checkpoint."
    )
    @Argument(help: "Bundle.", completion: .file()) var model: String
    @Option(help: "Full-precision checkpoint.", completion: .file()) var reference: String
    @OptionGroup var completion: CompletionOptions
    @OptionGroup var window: WindowOptions
    @OptionGroup var cache: CacheOption
    @OptionGroup var options: EvaluationOptions

    func run() throws {
        try QualityCommand(
            model: model, reference: reference, completion: completion, window: window, cacheBits: try cache.bits(),
            options: options
        ).run()
    }
}

struct CompletionOptions: ParsableArguments {
    @Flag(help: "Predict the reference answers of a task file (JSONL) and nothing else.") var completion = false
    @Option(help: "At most this many examples (with --completion).") var examples: Int?
    @OptionGroup var translation: TranslationOptions
}

struct QualityCommand {
    let model: String
    let reference: String?
    let completion: CompletionOptions
    let window: WindowOptions
    let cacheBits: Int
    let options: EvaluationOptions

    /// What is predicted, and how the report describes it.
    private struct Plan {
        var windows: [PerplexityProtocol.Window]
        var text: String
        var json: JSONValue
    }

    private func plan(_ any: AnyModel, _ source: SourceText) throws(TaperError) -> Plan {
        guard completion.completion else {
            guard completion.examples == nil, completion.translation.direction == nil else {
                throw TaperError(
                    .usage, "--examples and --direction are about completions", at: "perplexity",
                    remedy: "Add --completion")
            }
            let rule = PerplexityProtocol(window: window.window, stride: window.stride, windowLimit: window.windows)
            guard window.window <= any.config.contextLength else {
                throw TaperError(
                    .usage, "the window exceeds the model's context", at: "--window",
                    expected: "at most \(any.config.contextLength)", found: "\(window.window)")
            }
            let tokenizer = try any.tokenizer()
            let windows = try rule.windows(of: source.text, tokenizer: tokenizer, place: window.data)
            let extent = PerplexityProtocol.Extent(windows, tokenizer)
            return Plan(windows: windows, text: rule.text(extent), json: rule.json(extent))
        }
        try OptionLimit.check("--examples", completion.examples, 1...OptionLimit.examples)
        let examples = try readTask(
            window.data, limit: completion.examples ?? 100_000, direction: try completion.translation.parsed())
        let windows = try TaskPrompts(any, examples: examples, place: window.data).completions(
            contextLength: any.config.contextLength, place: window.data)
        let count = windows.reduce(0) { $0 + $1.tokens.count - $1.firstPredicted }
        let prompts = windows.reduce(0) { $0 + $1.promptCount }
        return Plan(
            windows: windows,
            text: "reference answers of \(windows.count) examples given their prompts, \(count) predicted tokens after "
                + "\(prompts) of prompts",
            json: .object([
                .init("kind", .string("completion")), .init("examples", .integer(windows.count)),
                .init("prompt_tokens", .integer(prompts)), .init("predicted_tokens", .integer(count)),
            ]))
    }

    func run() throws {
        let progress = Progress(options.output.verbosity)
        let threads = try Threads.count(options.threads)
        let folder = try ReportFolder(
            options.report, name: "perplexity", models: [model, reference], texts: [window.data])
        let any = try AnyModel(path: model)
        any.warnings.forEach { progress.warn($0) }
        let source = try SourceText(path: window.data)
        let plan = try plan(any, source)
        let pool = try ThreadPool(threadCount: threads)
        var warnings: [String] = []
        let results: [QualityResult]
        switch any {
        case .checkpoint(let checkpoint):
            guard reference == nil else { throw TaperError(.usage, "--reference compares bundles", at: model) }
            guard cacheBits == 16 else { throw TaperError(.usage, "--cache-bits is of bundles", at: model) }
            progress.begin("perplexity")
            results = try evaluateQuality(
                bundle: nil, schedules: [],
                reference: try ReferenceModel(checkpoint, residency: .streamed, threads: threads),
                windows: plan.windows, pool: pool
            ) { progress.update($0) }
        case .bundle(let bundle):
            warnings = try options.leakage([bundle], source, progress)
            let full = try reference.map { path throws(TaperError) in
                let checkpoint = try Checkpoint.open(path)
                try checkpoint.checkVocabulary(equals: bundle.manifest.model, of: model)
                return try ReferenceModel(checkpoint, residency: .streamed, threads: threads)
            }
            progress.begin("perplexity")
            let longest = plan.windows.map(\.tokens.count).max() ?? 1
            results = try evaluateQuality(
                bundle: try Engine(
                    try TransformerWeights(bundle), contextLength: longest, pool: pool, cacheBits: cacheBits),
                schedules: try options.schedules(bundle), reference: full, windows: plan.windows, pool: pool
            ) { progress.update($0) }
        }
        progress.end("\(plan.windows.count) \(completion.completion ? "examples" : "windows")")
        try report(results, plan, source, warnings, folder)
    }

    private func report(
        _ results: [QualityResult], _ plan: Plan, _ source: SourceText, _ warnings: [String],
        _ folder: ReportFolder?
    ) throws(TaperError) {
        let document = JSONValue.object([
            .init("schema", .string("taper-perplexity-1")), .init("model", .string(model)),
            .init("text", .string(window.data)),
            .init("text_checksum", .string(String(source.checksum, radix: 16))),
            .init("protocol", plan.json), .init("warnings", .array(warnings.map { .string($0) })),
            .init("results", .array(results.map(\.json))),
        ])
        let table = QualityTable.table(results.map { (nil, $0) })
        let markdown =
            ["# \(model) on \(window.data)", plan.text, table.markdown] + warnings.map { "**Warning:** " + $0 }
        try folder?.write("perplexity.json", document)
        try folder?.write("perplexity.md", markdown.joined(separator: "\n\n") + "\n")
        if options.json {
            Console.out(document)
        } else {
            Console.out(Console.strong("\(model) on \(window.data)"))
            Console.out(plan.text)
            table.lines().forEach { Console.out($0) }
        }
    }
}

enum QualityTable {
    /// Rows of several results, named by their file where there are several.
    static func table(_ rows: [(file: String?, result: QualityResult)]) -> TextTable {
        let isComparison = rows.contains { $0.file != nil }
        var table = TextTable(
            (isComparison ? ["file"] : [])
                + ["precision", "bytes/token", "perplexity", "over full", "KL mean", "KL p99", "top-1"])
        for (file, result) in rows {
            let comparison = result.comparison
            var cells = isComparison ? [file ?? "", result.label] : [result.label]
            cells.append(result.bytesPerToken.map { byteText($0) } ?? "-")
            cells.append(fixed(comparison.perplexity, 3))
            cells.append(result.overFull.map { fixed($0, 4) } ?? "-")
            cells.append(comparison.meanDivergence.map { fixed($0, 4) } ?? "-")
            cells.append(comparison.divergence99.map { fixed($0, 3) } ?? "-")
            cells.append(comparison.topAgreement.map { fixed($0 * 100, 1) + "%" } ?? "-")
            table.add(cells)
        }
        return table
    }
}
