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

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Greedy answers to a task's examples, scored against the references and the full-precision model.")
    @Argument(help: "Bundle or checkpoint.", completion: .file()) var model: String
    @Option(help: "Examples: JSONL with prompts and references (pipelines/calibrate.md).", completion: .file())
    var data: String
    @OptionGroup var translation: TranslationOptions
    @Option(help: "Metric: \(TaskMetric.names).", completion: .list(TaskMetric.allCases.map(\.rawValue))) var metric =
        "rouge-l"
    @Option(help: "Full-precision checkpoint whose answers are compared with as well.", completion: .file())
    var reference: String?
    @Option(
        help: "Folder of the BERT-type encoder of `bertscore`, with config.json, vocab.txt and safetensors weights.",
        completion: .directory)
    var encoder: String?
    @Option(help: "Encoder layer whose states are compared (default: the last).") var encoderLayer: Int?
    @Flag(help: "Weigh words of `bertscore` by their inverse frequency among the references.") var idf = false
    @OptionGroup var code: CodeOptions
    @Option(help: "At most this many examples.") var examples = 100
    @Option(help: "New tokens per answer.") var maxNewTokens = 64
    @OptionGroup var options: EvaluationOptions

    func run() throws {
        try OptionLimit.check("--examples", examples, 1...OptionLimit.examples)
        try OptionLimit.check("--max-new-tokens", maxNewTokens, 1...OptionLimit.newTokens)
        try OptionLimit.check("--encoder-layer", encoderLayer, 1...OptionLimit.layers)
        let progress = Progress(options.output.verbosity)
        let kind = try TaskMetric(name: metric)
        guard kind == .bertScore || encoder == nil && encoderLayer == nil && !idf else {
            throw TaperError(
                .usage, "--encoder, --encoder-layer and --idf belong to bertscore", at: "generate",
                remedy: "Add --metric bertscore")
        }
        let threads = try Threads.count(options.threads)
        let pool = try ThreadPool(threadCount: threads)
        let folder = try ReportFolder(
            options.report, name: "generate", models: [model, reference, encoder], texts: [data])
        let any = try AnyModel(path: model)
        any.warnings.forEach { progress.warn($0) }
        let list = try readTask(
            data, limit: examples, direction: try translation.parsed(), needsReferences: kind != .passAt1)
        let judgeOfCode =
            kind == .passAt1 ? try CodeJudge(list, consent: code.runCode, pool: pool, place: data) : nil
        let judge = try encoder.map { folder throws(TaperError) in
            try BERTScore(
                folder: folder, layerCount: encoderLayer, weighting: idf ? .inverseFrequency : .uniform,
                references: list.map(\.references), pool: pool)
        }
        var schedulers: [(label: String, scheduler: DecodeScheduler)] = []
        var warnings: [String] = []
        if case .bundle(let bundle) = any {
            schedulers =
                kind == .kl
                ? try options.schedules(bundle).map { ($0.label, .fixed($0.schedule)) }
                : try options.schedulers(bundle)
            try options.warnOfLength(bundle, newTokens: maxNewTokens, progress)
            warnings = try options.leakage([bundle], try SourceText(path: data), progress)
        }
        if let warning = judgeOfCode?.warning {
            progress.warn(warning)
            warnings.append(warning)
        }
        let full = try reference.map { path throws(TaperError) in
            let checkpoint = try Checkpoint.open(path)
            try checkpoint.checkVocabulary(equals: any.config, of: model)
            return try ReferenceModel(checkpoint, residency: .resident, threads: threads)
        }
        progress.begin("generate")
        let results = try evaluateGeneration(
            any, schedulers: schedulers, examples: list, metric: kind, maxNewTokens: maxNewTokens, reference: full,
            encoder: judge, code: judgeOfCode, pool: pool, place: data
        ) { progress.update($0) }
        progress.end("\(list.count) examples")
        let signature = kind.signature(referenceCounts: list.map(\.references.count))
        try report(results, list, judge?.title ?? kind.title, signature, warnings, folder)
    }

    private func report(
        _ results: [AnswerScores], _ examples: [TaskExample], _ title: String, _ signature: String?,
        _ warnings: [String], _ folder: ReportFolder?
    ) throws(TaperError) {
        let count = examples.count
        // Differences are to the first of the model itself: the highest precision, or what was asked for first.
        let first = results.first { $0.label != Quality.fullPrecision }
        let document = JSONValue.object([
            .init("schema", .string("taper-generate-2")), .init("model", .string(model)), .init("data", .string(data)),
            .init("metric", .string(metric)),
            .init("metric_description", .string(title)), .init("signature", signature.map { .string($0) } ?? .null),
            .init("examples", .integer(count)),
            .init("max_new_tokens", .integer(maxNewTokens)),
            .init("warnings", .array(warnings.map { .string($0) })),
            .init("results", .array(results.map { $0.json(comparedWith: first) })),
        ])
        var table = TextTable([
            "precision", "bytes/token", "average bits", "tokens", "references", "full precision",
            "difference to \(first?.label ?? "first")",
        ])
        func text(_ value: Estimate?) -> String {
            value.map { "\(fixed($0.value, 4)) ± \(fixed($0.standardError, 4))" } ?? "-"
        }
        for result in results {
            table.add([
                result.label, result.bytesPerToken.map { byteText($0) } ?? "-",
                result.averageBits.map { fixed($0, 2) } ?? "-", fixed(result.averageTokens, 1),
                text(result.references.estimate()), text(result.fullPrecision.estimate()),
                text(first.flatMap { result.difference(to: $0) }),
            ])
        }
        let about =
            "\(title) of \(count) greedy answers of at most \(maxNewTokens) tokens, ± bootstrap standard error"
            + (signature.map { "; signature " + $0 } ?? "")
        let markdown = ["# \(model) on \(data)", about, table.markdown] + warnings.map { "**Warning:** " + $0 }
        try folder?.write("generate.json", document)
        try folder?.write("generate.md", markdown.joined(separator: "\n\n") + "\n")
        if options.json {
            Console.out(document)
        } else {
            Console.out(Console.strong("\(model) on \(data)"))
            Console.out(about)
            table.lines().forEach { Console.out($0) }
        }
    }
}
