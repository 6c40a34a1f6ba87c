import ArgumentParser
import Model
import Pipeline
import Reference
import Storage
import Text

/// What is to be made of a checkpoint, and with which means: a conversion's flags, also of its stages run one by one.
struct MakingOptions: ParsableArguments {
    @Option(help: "Recipe file (pipelines/*.json).", completion: .file(extensions: ["json"])) var recipe: String?
    @Option(
        help: ArgumentHelp("Examples of a task of the recipe; may be given several times.", valueName: "name=file"))
    var taskData: [String] = []
    @Option(help: "Precisions of the linear layers, such as 2-6, 2,4,6 or 2-6,16.") var bits: String?
    @Option(
        help: "Bits of the embedding and head: one precision, or several such as 5-6 that follow those of the layers.")
    var embeddingBits: String?
    @Option(help: "Time for quality: \(Effort.names).", completion: .list(Effort.allCases.map(\.rawValue))) var effort:
        String?
    @Option(help: "Calibration text: plain text or JSONL.", completion: .file()) var calibration: String?
    @Option(help: "Sequences to let the model write and calibrate on, beside the text's (not with the effort fast).")
    var generated: Int?
    @Option(help: "Use this chat template: \(Converter.chatTemplateNames).", completion: .list(ChatTemplate.names))
    var chatTemplate: String?
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Option(
        help: """
            Memory to use, such as 8GB, or auto for all there is: more than is needed saves time and changes nothing else, and
            what does not fit is left out, or refused.
            """)
    var memory: String?
    @Option(help: "Folder for intermediate results (default: the user's cache).", completion: .directory) var work:
        String?
    @Flag(help: "Make every intermediate result again.") var restart = false
    @Flag(help: "Read NaN and infinite weights as zero.") var allowNonfinite = false
    @Flag(help: "Do not measure the quality of the precisions.") var noQuality = false
    @Flag(help: "Leave out tasks, quality, schedules, the learned scheduler, and the sample texts.")
    var noCalibrate = false

    /// The recipe with what the flags change.
    func settings() throws(TaperError) -> Recipe {
        var settings = if let recipe { try Recipe(path: recipe) } else { try standard() }
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
        if noQuality { settings.quality = nil }
        try settings.validate(place: "command line")
        return settings
    }

    func options(force: Bool) throws(TaperError) -> Converter.Options {
        Converter.Options(
            threads: try Threads.count(threads), workFolder: work, restart: restart, force: force,
            allowNonfinite: allowNonfinite, memory: try memoryLimit())
    }

    private func memoryLimit() throws(TaperError) -> Int? {
        guard let memory else { return nil }
        if memory == "auto" {
            let all = AvailableMemory.now.byteCount
            return all > 0 ? all : nil
        }
        let asked = try byteCount(parsing: memory, of: "memory")
        guard asked > 0 else {
            throw TaperError(
                .usage, "no memory at all", at: "--memory", expected: "such as 8GB", found: printable(memory))
        }
        return asked
    }

    /// A flag that says what to make, of those that are given.
    var firstGiven: String? {
        let makes = [
            ("--recipe", recipe != nil), ("--bits", bits != nil), ("--embedding-bits", embeddingBits != nil),
            ("--effort", effort != nil), ("--calibration", calibration != nil), ("--generated", generated != nil),
            ("--chat-template", chatTemplate != nil), ("--task-data", !taskData.isEmpty),
            ("--no-quality", noQuality),
        ]
        return makes.first { $0.1 }?.0
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
