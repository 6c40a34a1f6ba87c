import ArgumentParser
import Bundle
import Chat
import Evaluation
import Model
import Pipeline
import Runtime
import Storage

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure quality.",
        subcommands: [
            Perplexity.self, Divergence.self, Generate.self, Compare.self, Schedules.self, Code.self, EvalHead.self,
        ])
}

/// Flags that every evaluation has.
struct EvaluationOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Option(help: "Precisions, such as 2-6 or 4,3.5 (bundles; default: all, rungs included).") var bits: String?
    @Option(help: "A schedule: 6@0,4@32, static[:TASK], fixed, or learned where text is generated (bundles).")
    var schedule: String?
    @Option(help: "Precision that reads prompts (bundles; default: the schedule's, else the highest).")
    var bitsPrefill: Precision?
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Also write the report to this folder, as Markdown and JSON.", completion: .directory) var report:
        String?
    @OptionGroup var output: OutputOptions

    /// What to measure on a bundle: every precision and calibrated schedule, or what was asked for.
    func schedules(_ bundle: Bundle) throws(TaperError) -> [(label: String, schedule: PrecisionSchedule)] {
        let prefill = try PrecisionChoice.check(bitsPrefill, bundle)
        var result: [(label: String, schedule: PrecisionSchedule)] = []
        if let schedule {
            result.append(try PrecisionChoice.schedule(schedule, bundle, prefill: bitsPrefill))
            if bits == nil { return result }
        }
        let wanted = try PrecisionChoice.list(bits, bundle)
        var constants: [(label: String, schedule: PrecisionSchedule)] = []
        for bits in wanted.reversed() {
            constants.append((bits.label, PrecisionSchedule.constant(bits, prefillBits: prefill)))
        }
        if bits == nil {
            for item in try bundle.schedules() {
                result.append(try PrecisionChoice.schedule(item.label, bundle, prefill: bitsPrefill))
            }
        }
        return constants + result
    }

    /// The same where answers are generated: the learned scheduler decides for every prompt.
    func schedulers(_ bundle: Bundle) throws(TaperError) -> [(label: String, scheduler: DecodeScheduler)] {
        var result: [(label: String, scheduler: DecodeScheduler)] = []
        if schedule != "learned" || bits != nil {
            var constants = self
            if schedule == "learned" { constants.schedule = nil }
            result = try constants.schedules(bundle).map { ($0.label, .fixed($0.schedule)) }
        }
        let isWanted = schedule == nil && bits == nil ? try bundle.learnedScheduler() != nil : schedule == "learned"
        guard isWanted else { return result }
        let prefill = try bitsPrefill.map { bits throws(TaperError) in try PrecisionChoice.check(bits, bundle) }
        let choice = try ScheduleChoice(.learned, of: bundle, prefill: prefill)
        return result + [(choice.name, choice.scheduler)]
    }

    /// Warns of a schedule asked for that was calibrated on shorter answers.
    func warnOfLength(_ bundle: Bundle, newTokens: Int, _ progress: Progress) throws(TaperError) {
        guard let schedule, !schedule.contains("@") else { return }
        let choice = try ScheduleChoice(try ScheduleRequest(parsing: schedule, place: "--schedule"), of: bundle)
        if let warning = choice.warning(newTokens: newTokens) { progress.warn(warning) }
    }

    /// One line on standard error for every calibration text that the evaluation text equals or overlaps.
    func leakage(_ bundles: [Bundle], _ text: SourceText, _ progress: Progress) throws(TaperError) -> [String] {
        var warnings: [String] = []
        for bundle in bundles {
            for warning in try CalibrationTexts(bundle).warnings(evaluating: text) {
                warnings.append(bundles.count > 1 ? Files.name(of: bundle.path) + ": " + warning : warning)
            }
        }
        for warning in warnings { progress.warn(warning) }
        return warnings
    }
}

/// What the lines of a translation task do not say.
struct TranslationOptions: ParsableArguments {
    @Option(help: "Languages of a translation task, source and target, such as fr-en.") var direction: String?

    func parsed() throws(TaperError) -> TranslationDirection? {
        try direction.map { text throws(TaperError) in try TranslationDirection(parsing: text, place: "--direction") }
    }
}

/// How a text is cut into windows.
struct WindowOptions: ParsableArguments {
    @Option(
        name: [.customLong("data"), .customShort("f"), .customLong("file")], help: "Text or JSONL file.",
        completion: .file())
    var data: String
    @Option(help: "Tokens per window.") var window = 512
    @Option(help: "Tokens between window starts (default: the window).") var stride: Int?
    @Option(help: "At most this many windows.") var windows: Int?
}
