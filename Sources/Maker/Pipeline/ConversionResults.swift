import Bundle
import Calibration
import Evaluation
import Model
import Storage

/// What stages found out about a bundle, as it will stand in it.
struct ConversionResults {
    private let rungs: JSONValue?
    /// Contents of sections.
    let headScreens: [[UInt8]]
    let schedules: [CalibratedSchedule]
    let learned: LearnedScheduler?
    let quality: JSONValue?

    init(_ graph: ConversionGraph, _ workspace: StageWorkspace) throws(TaperError) {
        headScreens = try graph.screens.map { screens throws(TaperError) in try workspace.value(screens) } ?? []
        rungs = try graph.rungs.map { rungs throws(TaperError) in try workspace.value(rungs) }
        schedules = try graph.schedules.map { schedule throws(TaperError) in try workspace.value(schedule) }
        learned = try graph.learned.map { learned throws(TaperError) in try workspace.value(learned) }
        quality = try graph.quality.map { quality throws(TaperError) in try workspace.value(quality) }
    }

    /// Sections, in their order.
    func documents(_ texts: CalibrationTexts) -> [(section: String, value: JSONValue)] {
        var documents: [(section: String, value: JSONValue)] = []
        if let rungs { documents.append((SectionName.rungs, rungs)) }
        if let quality { documents.append((SectionName.quality, quality)) }
        if !schedules.isEmpty { documents.append((SectionName.schedules, .array(schedules.map(\.json)))) }
        if !texts.sources.isEmpty { documents.append((SectionName.texts, texts.json)) }
        return documents
    }

    var warnings: [String] {
        schedules.compactMap(\.noiseWarning)
    }
}

extension CalibratedSchedule {
    /// What is to be said of switch points that the scores do not bear out; nil where they do.
    package var noiseWarning: String? {
        guard evidence.isToleranceBelowNoise else { return nil }
        return "task \(task): the tolerance \(shortest(tolerance)) is below the score's standard error "
            + "\(fixed(evidence.standardError ?? 0, 4)); use more examples to trust the switch points"
    }
}

extension ConversionInputs {
    /// Everything that the weights and the schedules have seen, to be known again when somebody evaluates on it.
    func calibrationTexts() -> CalibrationTexts {
        var texts = CalibrationTexts()
        if let text = calibration?.source { texts.add(CalibrationSource(use: "calibration", text: text)) }
        for task in tasks {
            texts.add(CalibrationSource(use: "task " + task.settings.task, text: task.source))
        }
        if let learned { texts.add(CalibrationSource(use: SectionName.learned, text: learned.text)) }
        return texts
    }
}
