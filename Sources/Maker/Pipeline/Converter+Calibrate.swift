public import Bundle
public import Calibration
import Checkpoint
public import Evaluation
import Kernels
import Metrics
import Model
import Reference
import Runtime
public import Storage
import Text

extension Converter {
    /// Perplexity and divergence from full precision at every precision and of every schedule, or nil when the recipe names
    /// no text.
    func measureQuality(
        _ keys: StageKeys, _ bundlePath: String, _ calibrated: [CalibratedSchedule], _ texts: CalibrationTexts
    ) throws(TaperError) -> JSONValue? {
        guard let quality = inputs.quality, let key = keys.quality else { return nil }
        progress.begin("quality")
        let (text, rule) = (quality.text, quality.rule)
        for warning in texts.warnings(evaluating: text) { progress.warn(warning) }
        let json = try stored("quality", key) { () throws(TaperError) -> [UInt8] in
            let bundle = try Bundle(path: bundlePath)
            let tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: bundlePath)
            let windows = try rule.windows(of: text.text, tokenizer: tokenizer, place: text.path)
            let window = rule.window
            let engine = try Engine(try TransformerWeights(bundle), contextLength: window, pool: pool)
            let reference = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
            var schedules = engine.weights.served.map { ($0.label, PrecisionSchedule.constant($0)) }
            for schedule in calibrated {
                schedules.append((schedule.label, schedule.schedule))
            }
            let results = try evaluateQuality(
                bundle: engine, schedules: schedules, reference: reference, windows: windows, pool: pool
            ) { progress.update($0) }
            return Quality(
                text: text.name, checksum: text.checksum,
                rule: rule.json(
                    windowCount: windows.count, predictedCount: results.first?.comparison.predictedCount ?? 0),
                rows: results.map(\.row)
            ).json.bytes()
        } read: { bytes throws(TaperError) in
            try JSONValue.parse(bytes, place: "stored quality")
        }
        let full = Quality(json).rows.first?.perplexity
        progress.end("full precision \(full.map { fixed($0, 2) } ?? "?") perplexity on \(text.name)")
        return json
    }

    /// Everything that the weights and the schedules have seen, to be known again when somebody evaluates on it.
    func calibrationTexts() -> CalibrationTexts {
        var texts = CalibrationTexts()
        if let text = inputs.calibration?.source { texts.add(CalibrationSource(use: "calibration", text: text)) }
        for task in inputs.tasks {
            texts.add(CalibrationSource(use: "task " + task.settings.task, text: task.source))
        }
        if let learned = inputs.learned {
            texts.add(CalibrationSource(use: SectionName.learned, text: learned.text))
        }
        return texts
    }

    /// Switch points of every task of the recipe.
    func calibrateTasks(_ keys: StageKeys, _ bundlePath: String) throws(TaperError) -> [CalibratedSchedule] {
        var schedules: [CalibratedSchedule] = []
        for task in inputs.tasks {
            let settings = task.settings
            guard let key = keys.schedules[settings.task] else { continue }
            progress.begin("calibrate \(settings.task)")
            let schedule = try stored("schedule", key) { () throws(TaperError) -> [UInt8] in
                let reference =
                    settings.metric.comparesTexts
                    ? nil : try ReferenceModel(checkpoint, residency: .resident, threads: options.threads)
                return try calibrateTask(
                    bundle: try Bundle(path: bundlePath), examples: task.examples, settings: settings,
                    reference: reference, pool: pool
                ) { progress.update($0) }.json.bytes()
            } read: { bytes throws(TaperError) in
                try CalibratedSchedule(
                    json: try JSONValue.parse(bytes, place: "stored schedule"), place: "stored schedule")
            }
            schedules.append(schedule)
            progress.end("\(schedule.schedule.text), average \(fixed(schedule.averageBits, 2)) bits")
            if schedule.evidence.isToleranceBelowNoise {
                progress.warn(
                    "task \(settings.task): the tolerance \(shortest(schedule.tolerance)) is below the score's standard error "
                        + "\(fixed(schedule.evidence.standardError ?? 0, 4)); use more examples to trust the switch points"
                )
            }
        }
        return schedules
    }
}

/// Calibrates one task on an existing bundle and stores the schedule in it, replacing one of the same name.
public func calibrateInPlace(
    _ edit: BundleEdit, dataPath: String, examples limit: Int, direction: TranslationDirection? = nil,
    settings: TaskCalibrationSettings,
    checkpointPath: String?,
    threads: Int, progress: Progress
) throws(TaperError) -> CalibratedSchedule {
    progress.begin("calibrate \(settings.task)")
    let bundle = try Bundle(path: edit.path)
    let data = try CalibrationExamples(
        dataPath, limit: limit, direction: direction, metric: settings.metric,
        tokenizer: try Tokenizer(compact: try bundle.tokenizer(), place: edit.path),
        room: bundle.manifest.model.contextLength - settings.maxNewTokens)
    var settings = settings
    settings.kind = data.kind
    if let warning = settings.warning { progress.warn(warning) }
    let pool = try ThreadPool(threadCount: threads)
    let reference = try checkpointPath.map { path throws(TaperError) in
        try ReferenceModel(try Checkpoint.open(path), residency: .resident, threads: threads)
    }
    let schedule = try calibrateTask(
        bundle: bundle, examples: data.examples, settings: settings, reference: reference, pool: pool
    ) { progress.update($0) }
    var schedules = try bundle.schedules().filter { $0.task != schedule.task }
    schedules.append(schedule)
    var texts = try CalibrationTexts(bundle)
    texts.add(CalibrationSource(use: "task " + settings.task, text: try SourceText(path: dataPath)))
    try edit.rewrite(
        documents: [(SectionName.schedules, .array(schedules.map(\.json))), (SectionName.texts, texts.json)])
    progress.end("\(schedule.schedule.text), average \(fixed(schedule.averageBits, 2)) bits")
    return schedule
}
