import ArgumentParser
import Bundle
import Calibration
import Evaluation
import Scoring
import Model
import Pipeline
import Storage

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Calibrate switch points of a task or precision by need, find rungs, train the learned scheduler, screen the head; in place and atomically.",
        usage: """
            taper calibrate <bundle> --task <task> --data <data>
            taper calibrate <bundle> --adaptive --data <data>
            taper calibrate <bundle> --rungs halves --calibration <text> --reference <checkpoint>
            taper calibrate <bundle> --learned --calibration <text> --reference <checkpoint>
            taper calibrate <bundle> --head-screen --calibration <text>
            """)

    @Argument(help: "The bundle.", completion: .file()) var bundle: String
    @Option(help: "Name of the task, default for general text; a schedule of the same name is replaced.") var task:
        String?
    @Option(
        help: "Examples: JSONL with prompts and references, or for kl and agreement any text (pipelines/calibrate.md).",
        completion: .file())
    var data: String?
    @OptionGroup var translation: TranslationOptions
    @Option(
        help:
            "Metric: \(TaskMetric.calibrationNames) (default: rouge-l; of the task default kl, or agreement without --reference).",
        completion: .list(TaskMetric.allCases.filter(\.isForCalibration).map(\.rawValue)))
    var metric: String?
    @Option(
        help: "Score that may be lost, as a share of the metric's scale, from 0 to 1; with --adaptive nats a token.")
    var tolerance = 0.01
    @Option(
        help: "Score that the tolerance counts from, on the metric's scale (default: that of the highest precision).")
    var referenceScore: Double?
    @Option(help: "Highest decode precision to consider.") var bitsHigh: Precision?
    @Option(help: "Lowest decode precision to consider.") var bitsLow: Precision?
    @Option(help: "New tokens per answer.") var maxNewTokens = 64
    @Option(help: "At most this many examples.") var examples = 32
    @Option(help: "Full-precision checkpoint whose outputs are compared with.", completion: .file()) var reference:
        String?
    @Option(help: "Averages of the rungs to make, such as 2.5,3.5, or halves; the bundle's own are replaced.")
    var rungs: String?
    @Flag(
        help:
            "Measure how the head's likeliest tokens are found from its leading bits, which decoding then reads alone.")
    var headScreen = false
    @Option(help: "Text for --rungs, --learned and --head-screen: plain text or JSONL.", completion: .file())
    var calibration: String?
    @Flag(
        help:
            "Find the rule of precision by need: low bits by default, and high ones where the low are unsure. It needs prompts, no references."
    )
    var adaptive = false
    @Flag(help: "Train the learned scheduler: one decision per prompt, for any task.") var learned = false
    @OptionGroup(title: "Learned scheduler") var learning: LearnedOptions
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Flag(help: "Print the schedule as JSON.") var json = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        try OptionLimit.check("--max-new-tokens", maxNewTokens, 1...OptionLimit.newTokens)
        try OptionLimit.check("--examples", examples, 1...OptionLimit.examples)
        guard tolerance >= 0, tolerance <= 1, referenceScore?.isFinite ?? true else {
            throw TaperError(
                .usage, "--tolerance must be 0 to 1, and --reference-score a finite number", at: "calibrate")
        }
        guard !Files.isEscaped(task ?? "") else {
            throw TaperError(.usage, "the name is not UTF-8", at: "--task", found: printable(task ?? ""))
        }
        guard task != nil || rungs != nil || learned || headScreen || adaptive else {
            throw TaperError(
                .usage, "there is nothing to calibrate", at: "calibrate",
                expected: "--task, --adaptive, --rungs, --learned or --head-screen")
        }
        guard (task == nil && !adaptive) == (data == nil) else {
            throw TaperError(.usage, "--task or --adaptive, and --data come together", at: "calibrate")
        }
        var inputs = InputFiles()
        inputs.add(data, as: "the examples")
        inputs.add(calibration, as: "the calibration text")
        inputs.add(model: reference, as: "the reference")
        try inputs.check(output: bundle, remedy: "Name the bundle to calibrate first")
        // One right to change the bundle for all that is asked.
        let edit = try BundleEdit(path: bundle)
        if headScreen { try screenHead(edit) }
        if let rungs { try calibrateRungs(rungs, edit) }
        if let task, let data { try calibrate(task: task, data: data, edit) }
        if adaptive, let data { try findAdaptive(data, edit) }
        if learned { try trainLearned(edit) }
    }

    /// Finds rungs; prints them unless a schedule follows.
    private func calibrateRungs(_ wanted: String, _ edit: BundleEdit) throws {
        guard let calibration, let reference else {
            throw TaperError(.usage, "--rungs needs --calibration and --reference", at: "calibrate")
        }
        let averages =
            wanted == "halves"
            ? halfRungs(try Bundle(path: bundle).manifest) : try Precision.list(parsing: wanted, place: "--rungs")
        guard !averages.isEmpty else {
            throw TaperError(
                .usage, "no average half-way between the bundle's precisions is a rung", at: "--rungs", found: wanted,
                remedy: "Name averages, such as 2.5,3.5")
        }
        let progress = Progress(output.verbosity)
        let (found, dropped) = try BundleCalibration(
            edit, threads: try Threads.count(threads), progress: progress
        ).findRungs(averages, textPath: calibration, checkpointPath: reference)
        for task in dropped { progress.warn("task \(task): its schedule named a rung of before and was dropped") }
        guard task == nil, !learned, !adaptive else { return }
        if json { return Console.out(.array(found.map(\.json))) }
        let tensors = try Bundle(path: bundle).manifest.linearTensors
        RungReport.lines(found, tensors).forEach { Console.out($0) }
    }

    /// Makes the screen of the head; prints it unless something follows.
    private func screenHead(_ edit: BundleEdit) throws {
        guard let calibration else {
            throw TaperError(.usage, "--head-screen needs --calibration", at: "calibrate")
        }
        try BundleCalibration(
            edit, threads: try Threads.count(threads), progress: Progress(output.verbosity)
        ).screenHead(textPath: calibration)
        guard task == nil, !learned, rungs == nil, !adaptive else { return }
        let found = try Bundle(path: bundle).headScreens()
        json
            ? Console.out(HeadScreenReport.json(found)) : HeadScreenReport.lines(found).forEach { Console.out($0) }
    }

    /// Finds precision by need; prints it unless the learned scheduler follows.
    private func findAdaptive(_ data: String, _ edit: BundleEdit) throws {
        let schedule = try BundleCalibration(
            edit, threads: try Threads.count(threads), progress: Progress(output.verbosity)
        ).findAdaptive(
            dataPath: data, examples: examples,
            settings: AdaptiveSettings(
                low: bitsLow, high: bitsHigh, maxNewTokens: maxNewTokens, tolerance: tolerance))
        guard !learned else { return }
        json ? Console.out(schedule.json) : ScheduleReport.lines(schedule).forEach { Console.out($0) }
    }

    private func trainLearned(_ edit: BundleEdit) throws {
        guard let reference, let calibration else {
            throw TaperError(.usage, "--learned needs --calibration and --reference", at: "calibrate")
        }
        let settings = try learning.settings(
            try Bundle(path: bundle), high: bitsHigh, low: bitsLow, maxNewTokens: maxNewTokens, tolerance: tolerance)
        let scheduler = try BundleCalibration(
            edit, threads: try Threads.count(threads), progress: Progress(output.verbosity)
        ).trainLearned(textPath: calibration, settings: settings, checkpointPath: reference)
        json ? Console.out(scheduler.json) : LearnedReport.lines(scheduler).forEach { Console.out($0) }
    }

    private func calibrate(task: String, data: String, _ edit: BundleEdit) throws {
        let available = try Bundle(path: bundle).servedPrecisions()
        let precisions = available.filter { $0 <= bitsHigh ?? 16 && $0 >= bitsLow ?? 2 }
        guard !precisions.isEmpty else {
            throw TaperError(
                .usage, "no precision of the bundle lies between --bits-low and --bits-high", at: bundle,
                found: Precision.text(available))
        }
        let metric =
            try metric.map { name throws(TaperError) in try TaskMetric(name: name) }
            ?? TaskMetric.standard(general: task == CalibratedSchedule.generalTask, hasReference: reference != nil)
        let progress = Progress(output.verbosity)
        let schedule = try BundleCalibration(
            edit, threads: try Threads.count(threads), progress: progress
        ).calibrateTask(
            dataPath: data, examples: examples, direction: try translation.parsed(),
            settings: TaskCalibrationSettings(
                task: task, metric: metric, maxNewTokens: maxNewTokens, tolerance: tolerance,
                precisions: precisions, referenceScore: referenceScore),
            checkpointPath: reference)
        if !adaptive {
            json ? Console.out(schedule.json) : ScheduleReport.lines(schedule).forEach { Console.out($0) }
        }
        if let warning = schedule.noiseWarning { progress.warn(warning) }
    }
}

enum ScheduleReport {
    /// A schedule with what it was chosen from.
    static func lines(_ record: CalibratedSchedule) -> [String] {
        var lines = [
            Console.strong("\(record.task)")
                + "  prefill \(record.schedule.prefillBits), decode \(record.schedule.text)"
                + "  average \(fixed(record.averageBits, 2)) bits",
            "  \(record.metric) \(fixed(record.score, 4)) against \(fixed(record.referenceScore, 4)),"
                + " tolerance \(shortest(record.tolerance)), up to \(record.maxNewTokens) new tokens"
                + (record.evidence.longestAnswer.map { ", longest answer \($0)" } ?? ""),
        ]
        lines += candidates(record.evidence)
        lines += effort(record.evidence)
        return lines
    }

    /// Precision by need, with what it was chosen from.
    static func lines(_ record: AdaptiveSchedule) -> [String] {
        let rule = record.rule
        var text =
            "  unsure below \(shortest(round6(Double(rule.margin)))) nats, keeps within \(shortest(round6(Double(rule.tolerance))))"
        if rule.openingSteps > 0 { text += ", \(rule.openingSteps) steps at \(rule.high.label) to begin with" }
        if rule.holdSteps > 0 { text += ", \(rule.holdSteps) after a token that was not kept" }
        if rule.reread > 1 { text += ", reads \(rule.reread) steps again" }
        return [
            Console.strong("adaptive") + "  prefill \(rule.prefill), \(rule.text), average "
                + "\(fixed(record.averageBits, 2)) bits",
            text + "; loops are written again at \(rule.rescue.label)",
            "  loss \(fixed(record.score, 4)) nats a token against \(fixed(record.referenceScore, 4)) at "
                + "\(rule.high.label), tolerance \(shortest(record.tolerance)), up to \(record.maxNewTokens) new tokens",
        ] + candidates(record.evidence)
    }

    private static func candidates(_ evidence: ScheduleEvidence) -> [String] {
        var table = TextTable(["candidate", "score", "difference", "std error", "average bits", "MB/token"])
        for item in evidence.candidates {
            func number(_ key: String, _ digits: Int) -> String { item[key]?.double.map { fixed($0, digits) } ?? "-" }
            table.add([
                item["schedule"]?.string ?? "?", number("score", 4), number("difference", 4),
                number("standard_error", 4),
                number("average_bits", 2),
                item["bytes_per_token"]?.double.map { fixed($0 / 1e6, 1) } ?? "-",
            ])
        }
        return table.lines(indent: 4)
    }

    /// What the search cost, and what it spared.
    private static func effort(_ evidence: ScheduleEvidence) -> [String] {
        guard let steps = evidence.decodeSteps, let shared = evidence.sharedDecodeSteps else { return [] }
        var line = "    \(evidence.examples ?? 0) examples, \(steps) decode steps run, \(shared) shared"
        if let measured = evidence.schedulesMeasured, let all = evidence.schedulesOfFullGrid {
            line += "; \(measured) of the \(all) schedules of a full grid measured"
        }
        var lines = [line]
        if !evidence.isWithinTolerance {
            lines.append("    no precision is within the tolerance of the reference score: the highest was kept")
        }
        return lines
    }
}
