import ArgumentParser
import Bundle
import Model
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
            stopped.
            """)

    @Argument(help: "Checkpoint directory, GGUF file, or bundle.") var input: String
    @Option(name: .shortAndLong, help: "The bundle to write.") var output: String
    @Option(help: "Recipe file (pipelines/*.json).") var recipe: String?
    @Option(
        help: ArgumentHelp("Examples of a task of the recipe; may be given several times.", valueName: "name=file"))
    var taskData: [String] = []
    @Option(help: "Precisions of the linear layers, such as 2-6, 2,4,6 or 2-6,16.") var bits: String?
    @Option(
        help: "Bits of the embedding and head: one precision, or several such as 5-6 that follow those of the layers.")
    var embeddingBits: String?
    @Option(help: "Time for quality: \(Effort.names).") var effort: String?
    @Option(help: "Calibration text: plain text or JSONL.") var calibration: String?
    @Option(help: "Sequences to let the model write and calibrate on, beside the text's (not with the effort fast).")
    var generated: Int?
    @Option(help: "Use this chat template: \(Converter.chatTemplateNames).") var chatTemplate: String?
    @Option(help: "Cut a bundle to at most this precision; nothing is requantized.") var maxBits: Int?
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Option(help: "Folder for intermediate results (default: the user's cache).") var work: String?
    @Flag(help: "Make every intermediate result again.") var restart = false
    @Flag(help: "Say what would be done and what it takes, and stop.") var dryRun = false
    @Flag(help: "Replace an existing output.") var force = false
    @Flag(help: "Read NaN and infinite weights as zero.") var allowNonfinite = false
    @Flag(help: "Leave out tasks, quality, schedules, the learned scheduler, and the sample texts.")
    var noCalibrate = false
    @Flag(help: "Print a JSON report.") var json = false
    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        let progress = Progress(outputOptions.verbosity)
        if let maxBits { return try cut(to: maxBits, progress) }
        var settings = try recipe.map { path throws(TaperError) in try Recipe(path: path) } ?? standard()
        if let bits {
            settings.precisions = try Precision.storedList(parsing: bits, place: "--bits")
            let range = settings.nestedPrecisions
            settings.seedBits = min(max(settings.seedBits, range.first ?? 2), range.last ?? 8)
        }
        if recipe != nil, let effort = try askedEffort() { settings.effort = effort }
        if let embeddingBits {
            settings.embeddingPrecisions = try Precision.storedList(
                parsing: embeddingBits, place: "--embedding-bits")
        }
        if let calibration { settings.calibrationText = .file(calibration) }
        if let generated {
            guard (0...65536).contains(generated) else {
                throw TaperError(.usage, "--generated must be 0 to 65536, found \(generated)")
            }
            settings.generatedSequences = generated
            // Whoever asks for it does not want it left out.
            settings.leavesOut.remove(.ownText)
        }
        if let chatTemplate { settings.chatTemplate = chatTemplate }
        for text in taskData { try settings.setTaskData(text) }
        if noCalibrate {
            settings.tasks = []
            settings.quality = nil
            settings.learned = nil
        }
        try settings.validate(place: "command line")
        let converter = try Converter(
            input: input, output: output, recipe: settings,
            options: Converter.Options(
                threads: try Threads.count(threads), workFolder: work, restart: restart, force: force,
                allowNonfinite: allowNonfinite),
            progress: progress)
        if dryRun {
            let plan = try converter.plan()
            json ? Console.out(plan.json) : plan.lines.forEach { Console.out($0) }
            return
        }
        let report = try converter.run()
        if json { return Console.out(report.json) }
        if !outputOptions.quiet {
            try BundleReport(try Bundle(path: output)).qualityLines().forEach { Console.note($0) }
        }
        report.lines.forEach { progress.note($0) }
    }

    private func cut(to maxBits: Int, _ progress: Progress) throws {
        let makes = [
            ("--recipe", recipe != nil), ("--bits", bits != nil), ("--embedding-bits", embeddingBits != nil),
            ("--effort", effort != nil), ("--calibration", calibration != nil), ("--generated", generated != nil),
            ("--chat-template", chatTemplate != nil), ("--task-data", !taskData.isEmpty),
        ]
        if let flag = makes.first(where: { $0.1 })?.0 {
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
        progress.note("wrote \(output) with precisions up to \(maxBits) bits")
        if json {
            Console.out(.object([.init("schema", .string("taper-convert-1")), .init("output", .string(output))]))
        }
    }

    private func askedEffort() throws(TaperError) -> Effort? {
        guard let effort else { return nil }
        guard let known = Effort(rawValue: effort) else {
            throw TaperError(
                .usage, "unknown effort", at: "--effort", expected: Effort.names, found: printable(effort))
        }
        return known
    }

    /// What is made without a recipe; with --no-calibrate nothing that a recipe would have to ask for.
    private func standard() throws(TaperError) -> Recipe {
        let effort = try askedEffort() ?? .default
        guard noCalibrate else { return .standard(effort) }
        var bare = Recipe()
        bare.effort = effort
        return bare
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

    /// Several, such as "1,2".
    static func list(_ text: String?) throws(TaperError) -> [Int] {
        var counts: [Int] = []
        for part in (text ?? String(processorCount())).split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int(part) else {
                throw TaperError(
                    .usage, "-t takes thread counts such as 1,2", at: "-t", found: printable(text ?? ""))
            }
            counts.append(try count(number))
        }
        return counts
    }
}
