import ArgumentParser
import Bundle
import Checkpoint
import Pipeline
import Storage

struct OutputOptions: ParsableArguments {
    @Flag(help: "Print nothing but errors and warnings.") var quiet = false
    @Flag(help: "Print more about progress.") var verbose = false

    var verbosity: Progress.Verbosity { quiet ? .quiet : verbose ? .verbose : .normal }
}

struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Import, quantize, pack and calibrate a checkpoint into one bundle.",
        discussion: """
            INPUT is a Hugging Face directory, a GGUF file, or a bundle to be cut with --max-bits. Without --recipe the
            weights are calibrated on a sample text that comes with the program and on text of the model's own, and the
            quality of every precision is measured on another; what this machine has too little memory for is left out,
            and said. Intermediate results are kept under --work and used again, so an interrupted run goes on where it
            stopped, and conversions at once share what they make (taper stage, taper cache).
            """)

    @Argument(help: "Checkpoint directory, GGUF file, or bundle.", completion: .file()) var input: String
    @Option(name: .shortAndLong, help: "The bundle to write.", completion: .file()) var output: String
    @OptionGroup var making: MakingOptions
    @Option(help: "Cut a bundle to at most this precision; nothing is requantized.") var maxBits: Int?
    @Flag(help: "Say what would be done and what it takes, and stop.") var dryRun = false
    @Flag(help: "Replace an existing output.") var force = false
    @Flag(help: "Print a JSON report.") var json = false
    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        let progress = Progress(outputOptions.verbosity)
        if let maxBits { return try cut(to: maxBits, progress) }
        if dryRun, let outline = try ModelOutline(folder: input) {
            for warning in outline.warnings { progress.warn(warning) }
            return show(
                try ConversionPlan(
                    outline, folder: input, output: output, recipe: try making.settings(),
                    options: try making.options(force: force)))
        }
        let converter = try Converter(
            input: input, output: output, recipe: try making.settings(), options: try making.options(force: force),
            progress: progress)
        if dryRun { return show(try converter.plan()) }
        let report = try converter.run()
        if json { return Console.out(report.json) }
        if !outputOptions.quiet {
            try BundleReport(try Bundle(path: output)).qualityLines().forEach { Console.note($0) }
        }
        report.lines.forEach { progress.note($0) }
    }

    private func show(_ plan: ConversionPlan) {
        json ? Console.out(plan.json) : plan.lines.forEach { Console.out($0) }
    }

    private func cut(to maxBits: Int, _ progress: Progress) throws {
        if let flag = making.firstGiven {
            throw TaperError(
                .usage, "--max-bits cuts a finished bundle and makes nothing anew", at: flag,
                remedy: "Leave out \(flag), or convert the checkpoint")
        }
        if dryRun {
            let names = try Converter.precisionsKept(of: input, maxBits: maxBits)
            return Console.out("would write \(output) with \(names.map(String.init).joined(separator: ", ")) bits")
        }
        let dropped = try Converter.cut(from: input, to: output, maxBits: maxBits, force: force)
        for task in dropped {
            progress.warn("the schedule \(printable(task)) is left out: it uses precisions that are cut away")
        }
        if !dropped.isEmpty {
            progress.warn("taper calibrate \(output) finds schedules for the precisions that are left")
        }
        progress.note("wrote \(output) with precisions up to \(maxBits) bits")
        if json {
            Console.out(.object([.init("schema", .string("taper-convert-1")), .init("output", .string(output))]))
        }
    }
}

enum Threads {
    /// The number asked for, or every processor this process may use.
    static func count(_ asked: Int?) throws(TaperError) -> Int {
        guard let asked else { return processorCount() }
        guard (1...1024).contains(asked) else {
            throw TaperError(.usage, "--threads must be 1 to 1024, found \(asked)")
        }
        return asked
    }

    /// Several, such as "1,2", or what a run takes by itself.
    static func list(_ text: String?) throws(TaperError) -> [Int] {
        var counts: [Int] = []
        for part in (text ?? String(readingThreadCount())).split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int(part) else {
                throw TaperError(
                    .usage, "-t takes thread counts such as 1,2", at: "-t", found: printable(text ?? ""))
            }
            counts.append(try count(number))
        }
        return counts
    }
}
