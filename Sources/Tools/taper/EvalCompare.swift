import ArgumentParser
import Evaluation
import Pipeline
import Storage

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bundles, checkpoints and GGUF files side by side, at the bytes each reads per token.",
        discussion: """
            Every file is measured on the same text against one full-precision model: --reference, else the first safetensors
            checkpoint, else the first GGUF file. --report also draws compare.svg.
            """)
    @Argument(help: "Bundles, checkpoint directories and GGUF files.", completion: .file()) var files: [String]
    @Option(help: "Full-precision checkpoint to compare with.", completion: .file()) var reference: String?
    @OptionGroup var window: WindowOptions
    @OptionGroup var options: EvaluationOptions

    func run() throws {
        let progress = Progress(options.output.verbosity)
        let folder = try ReportFolder(
            options.report, name: "compare", models: files + [reference], texts: [window.data])
        let text = try SourceText(path: window.data)
        let rule = PerplexityProtocol(
            window: window.window, stride: window.stride, windowLimit: window.windows ?? 16)
        let options = options
        let settings = ModelComparison.Settings(rule: rule, threads: try Threads.count(options.threads)) {
            bundle throws(TaperError) in try options.schedules(bundle)
        }
        var comparison = try ModelComparison(paths: files, reference: reference, settings: settings)
        for bundle in comparison.bundles { _ = try options.schedules(bundle) }
        var warnings = try options.leakage(comparison.bundles, text, progress)
        progress.begin("compare")
        try comparison.run(text) { progress.update($0, $1) }
        progress.end("\(comparison.files.count) files, \(comparison.extent.windowCount) windows")
        for file in comparison.files {
            for note in file.notes {
                warnings.append(Files.name(of: file.path) + ": " + note)
                progress.warn(warnings[warnings.count - 1])
            }
        }
        let document = comparison.json(text: text, warnings: warnings)
        let rows = comparison.files.flatMap { file in file.results.map { (Files.name(of: file.path), $0) } }
        let table = QualityTable.table(rows)
        let protocolText = comparison.rule.text(comparison.extent)
        let markdown =
            ["# Quality per byte read", "\(window.data): \(protocolText)", table.markdown]
            + warnings.map { "**Warning:** " + $0 } + ["![Quality against bytes per token](compare.svg)"]
        try folder?.write("compare.json", document)
        try folder?.write("compare.md", markdown.joined(separator: "\n\n") + "\n")
        try folder?.write("compare.svg", QualityPlot(comparison, textName: text.name).svg())
        if options.json {
            Console.out(document)
        } else {
            Console.out("\(window.data): \(protocolText)")
            table.lines().forEach { Console.out($0) }
        }
    }
}
