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

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure quality.", subcommands: [Perplexity.self, Divergence.self])
}

struct WindowOptions: ParsableArguments {
    @Option(name: [.customLong("data"), .customShort("f"), .customLong("file")], help: "Text file.") var data: String
    @Option(help: "Tokens per window.") var window = 512
    @Option(help: "Tokens between window starts (default: the window).") var stride: Int?
    @Option(help: "At most this many windows.") var windows: Int?
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Option(help: "Precisions, such as 2-6 or 4 (bundles; default: all).") var bits: String?
    @Option(help: "A schedule: 6@0,4@32 or static[:task] (bundles).") var schedule: String?
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Also write a Markdown and a JSON report to this folder.") var report: String?
    @OptionGroup var output: OutputOptions

    func text() throws(TaperError) -> String {
        let bytes = try Files.read(data, limit: 1 << 30)
        guard let text = try bytes.withBytes({ raw throws(TaperError) in strictString(raw) }) else {
            throw TaperError(.badData, "the text is not UTF-8", at: data)
        }
        return text
    }

    /// What to measure on a bundle: every precision and calibrated schedule, or what was asked for.
    func schedules(_ bundle: Bundle) throws(TaperError) -> [(label: String, schedule: PrecisionSchedule)] {
        var result: [(label: String, schedule: PrecisionSchedule)] = []
        if let schedule {
            if schedule.contains("@") {
                let parsed = try PrecisionSchedule(
                    parsing: schedule, prefillBits: bundle.manifest.precisions.last ?? 8, place: "--schedule")
                try parsed.check(precisions: bundle.manifest.precisions, place: "--schedule")
                result.append((schedule, parsed))
            } else {
                let task = schedule.split(separator: ":").dropFirst().first.map(String.init)
                let found = try bundle.schedules().filter { task == nil || $0.task == task }
                guard schedule.hasPrefix("static"), !found.isEmpty else {
                    throw TaperError(
                        .usage, "the bundle has no such schedule", at: "--schedule", found: printable(schedule))
                }
                for item in found {
                    result.append(("static:" + item.task, try PrecisionSchedule(item, place: bundle.path)))
                }
            }
            return result
        }
        let wanted =
            try bits.map { text throws(TaperError) in try Recipe.parsePrecisions(text) } ?? bundle.manifest.precisions
        for bits in wanted.reversed() {
            result.append(("\(try Precision.check(bits, bundle)) bits", PrecisionSchedule.constant(bits)))
        }
        if bits == nil {
            for item in try bundle.schedules() {
                result.append(("static:" + item.task, try PrecisionSchedule(item, place: bundle.path)))
            }
        }
        return result
    }

    func print(_ results: [QualityResult], rule: PerplexityProtocol, windowCount: Int, model: String) throws {
        let predicted = results.first?.comparison.predictedCount ?? 0
        let full = results.first { $0.label == "full precision" }?.comparison.perplexity
        let document = JSONValue.object([
            .init("schema", .string("taper-perplexity-1")), .init("model", .string(model)),
            .init("text", .string(data)),
            .init("protocol", rule.json(windowCount: windowCount, predictedCount: predicted)),
            .init("results", .array(results.map(\.json))),
        ])
        var table = TextTable(["precision", "bytes/token", "perplexity", "over full", "KL mean", "KL p99", "top-1"])
        for result in results {
            let comparison = result.comparison
            table.add([
                result.label, result.bytesPerToken.map { byteText($0) } ?? "-", fixed(comparison.perplexity, 3),
                full.map { fixed(comparison.perplexity / $0, 4) } ?? "-",
                comparison.meanDivergence.map { fixed($0, 4) } ?? "-",
                comparison.divergence99.map { fixed($0, 3) } ?? "-",
                comparison.topAgreement.map { fixed($0 * 100, 1) + "%" } ?? "-",
            ])
        }
        if let report {
            try Files.createDirectory(report)
            try AtomicFile.write(document.bytes(indented: true), to: report + "/perplexity.json", replacing: true)
            let markdown =
                "# \(model) on \(data)\n\n\(rule.text(windowCount: windowCount, predictedCount: predicted))\n\n\(table.markdown)\n"
            try AtomicFile.write(Array(markdown.utf8), to: report + "/perplexity.md", replacing: true)
        }
        if json {
            Console.out(document)
        } else {
            Console.out(Console.strong("\(model) on \(data)"))
            Console.out(rule.text(windowCount: windowCount, predictedCount: predicted))
            table.lines().forEach { Console.out($0) }
        }
    }
}

struct Perplexity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Perplexity of a checkpoint, or of every precision and schedule of a bundle.")
    @Argument(help: "Bundle or checkpoint.") var model: String
    @Option(help: "Full-precision checkpoint to compare a bundle with.") var reference: String?
    @OptionGroup var options: WindowOptions

    func run() throws {
        try QualityCommand.run(model: model, reference: reference, options: options)
    }
}

struct Divergence: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kl", abstract: "KL divergence and top-1 agreement of a bundle with its full-precision checkpoint."
    )
    @Argument(help: "Bundle.") var model: String
    @Option(help: "Full-precision checkpoint.") var reference: String
    @OptionGroup var options: WindowOptions

    func run() throws {
        try QualityCommand.run(model: model, reference: reference, options: options)
    }
}

enum QualityCommand {
    static func run(model: String, reference: String?, options: WindowOptions) throws {
        let progress = Progress(options.output.verbosity)
        let threads = try Threads.count(options.threads)
        let any = try AnyModel(path: model)
        let rule = PerplexityProtocol(window: options.window, stride: options.stride, windowLimit: options.windows)
        guard options.window <= any.config.contextLength else {
            throw TaperError(
                .usage, "the window exceeds the model's context", at: "--window",
                expected: "at most \(any.config.contextLength)",
                found: "\(options.window)")
        }
        let windows = try rule.windows(of: try options.text(), tokenizer: try any.tokenizer(), place: options.data)
        let pool = try ThreadPool(threadCount: threads)
        progress.begin("perplexity")
        let results: [QualityResult]
        switch any {
        case .checkpoint(let checkpoint):
            guard reference == nil else { throw TaperError(.usage, "--reference compares bundles", at: model) }
            results = try evaluateQuality(
                bundle: nil, schedules: [],
                reference: try ReferenceModel(checkpoint, residency: .streamed, threads: threads),
                windows: windows, pool: pool
            ) { progress.update($0) }
        case .bundle(let bundle):
            let full = try reference.map { path throws(TaperError) in
                try ReferenceModel(try Checkpoint.open(path), residency: .streamed, threads: threads)
            }
            if let full, full.config.vocabularySize != bundle.manifest.model.vocabularySize {
                throw TaperError(.usage, "the reference has another vocabulary than the bundle", at: reference ?? "")
            }
            results = try evaluateQuality(
                bundle: try Transformer(bundle: bundle, contextLength: options.window, pool: pool),
                schedules: try options.schedules(bundle), reference: full, windows: windows, pool: pool
            ) { progress.update($0) }
        }
        progress.end("\(windows.count) windows")
        try options.print(results, rule: rule, windowCount: windows.count, model: model)
    }
}
