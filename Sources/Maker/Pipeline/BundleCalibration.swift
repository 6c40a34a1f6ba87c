public import Bundle
public import Calibration
import Checkpoint
public import Evaluation
import Kernels
import Scoring
public import Model
public import Storage
import Text

/// The stages that run a bundle, on one that is there: results replace those in it, in place and atomically.
public struct BundleCalibration {
    private let edit: BundleEdit
    private let progress: Progress
    private let workspace: StageWorkspace

    public init(_ edit: BundleEdit, threads: Int, progress: Progress) throws(TaperError) {
        self.edit = edit
        self.progress = progress
        workspace = StageWorkspace(pool: try ThreadPool(threadCount: threads), progress: progress)
    }

    /// Calibrates one task; a schedule of the same name is replaced.
    public func calibrateTask(
        dataPath: String, examples limit: Int, direction: TranslationDirection? = nil,
        settings: TaskCalibrationSettings, checkpointPath: String?
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
        let stage = ScheduleStage(
            bundle: BundleInput(path: edit.path), examples: data.examples, settings: settings,
            reference: try checkpointPath.map { path throws(TaperError) in
                ModelInput(unkeyed: try Checkpoint.open(path))
            })
        let schedule = try output(of: stage)
        var schedules = try bundle.schedules().filter { $0.task != schedule.task }
        schedules.append(schedule)
        try edit.rewrite(
            documents: [
                (SectionName.schedules, .array(schedules.map(\.json))),
                try texts(bundle, adding: "task " + settings.task, try SourceText(path: dataPath)),
            ])
        progress.end(stage.outcome(schedule) ?? "")
        return schedule
    }

    /// Finds a rule for precision by need in place of an earlier one.
    public func findAdaptive(
        dataPath: String, examples limit: Int, settings: AdaptiveSettings
    ) throws(TaperError) -> AdaptiveSchedule {
        progress.begin("precision by need")
        let bundle = try Bundle(path: edit.path)
        let data = try CalibrationExamples(
            dataPath, limit: limit, direction: nil, metric: .agreement,
            tokenizer: try Tokenizer(compact: try bundle.tokenizer(), place: edit.path),
            room: bundle.manifest.model.contextLength - settings.maxNewTokens)
        var settings = settings
        settings.kind = data.kind
        let schedule = try calibrateAdaptive(
            bundle: bundle, examples: data.examples, settings: settings, pool: workspace.pool
        ) { [progress] in progress.update($0) }
        try edit.rewrite(
            documents: [
                (SectionName.adaptive, schedule.json),
                try texts(bundle, adding: SectionName.adaptive, try SourceText(path: dataPath)),
            ])
        if let cheaper = schedule.evidence.cheaperConstant {
            progress.warn("\(cheaper) are within the tolerance and read no more: precision by need gains nothing here")
        }
        progress.end(schedule.rule.text + ", average \(fixed(schedule.averageBits, 2)) bits")
        return schedule
    }

    /// Finds rungs in place of those that are there. What was measured or calibrated with the old ones goes: results of rungs,
    /// and schedules that name one.
    /// - Returns: the rungs, and the tasks whose schedules went.
    public func findRungs(
        _ averages: [Precision], textPath: String, checkpointPath: String
    ) throws(TaperError) -> (rungs: [Rung], droppedTasks: [String]) {
        progress.begin("rungs")
        let bundle = try Bundle(path: edit.path)
        try checkRungs(averages, precisions: bundle.manifest.precisions, code: .usage, place: field("rungs"))
        let checkpoint = try openCheckpoint(checkpointPath, arrangedAs: bundle)
        let source = try SourceText(path: textPath)
        let text = CalibrationText(source)
        let tokenizer = try checkpoint.tokenizer()
        let sequences = try text.sequences(
            of: text.tokens(tokenizer), start: tokenizer.startTokens, count: RungText.sequences,
            length: min(RungText.length, checkpoint.config.contextLength))
        let stage = RungStage(
            bundle: BundleInput(path: edit.path), model: ModelInput(unkeyed: checkpoint),
            text: TextInput(tokens: sequences, ownLimit: 0, length: RungText.length), averages: averages)
        let json = try output(of: stage)
        let schedules = try bundle.schedules()
        let kept = schedules.filter { $0.schedule.precisions.allSatisfy(\.isWhole) }
        var documents: [(section: String, value: JSONValue)] = [
            (SectionName.rungs, json.array?.isEmpty == false ? json : .null),
            try texts(bundle, adding: "calibration", source),
        ]
        let namesRung = try bundle.adaptiveSchedule()?.rule.precisions.contains(where: \.isRung) ?? false
        if namesRung { documents.append((SectionName.adaptive, .null)) }
        if kept.count < schedules.count {
            documents.append((SectionName.schedules, kept.isEmpty ? .null : .array(kept.map(\.json))))
        }
        if let quality = try bundle.quality() { documents.append((SectionName.quality, quality.withoutRungs().json)) }
        try edit.rewrite(documents: documents)
        progress.end(stage.outcome(json) ?? "")
        return (
            try Bundle(path: edit.path).rungs(),
            schedules.filter { $0.schedule.precisions.contains(where: \.isRung) }.map(\.task)
                + (namesRung ? [SectionName.adaptive] : [])
        )
    }

    /// Makes the screens of the head in place of earlier ones; where they would save nothing, there are none any more.
    public func screenHead(textPath: String) throws(TaperError) {
        progress.begin(StageKind.screen.title)
        let bundle = try Bundle(path: edit.path)
        let source = try SourceText(path: textPath)
        let text = CalibrationText(source)
        let tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: edit.path)
        let length = min(RungText.length, bundle.manifest.model.contextLength)
        let sequences = try text.sequences(
            of: text.tokens(tokenizer), start: tokenizer.startTokens, count: RungText.sequences, length: length)
        let count = sequences.reduce(0) { $0 + $1.count }
        guard count >= HeadScreenCost.leastTokens else {
            throw TaperError(
                .badData, "the text is too short for evidence", at: textPath,
                expected: "at least \(HeadScreenCost.leastTokens) tokens", found: "\(count)")
        }
        let stage = ScreenStage(
            bundle: BundleInput(path: edit.path), text: TextInput(tokens: sequences, ownLimit: 0, length: length))
        let screens = try output(of: stage)
        try edit.rewrite(
            documents: [try texts(bundle, adding: "calibration", source)], headScreens: screens)
        progress.end(stage.outcome(screens) ?? "")
    }

    /// Trains the learned scheduler in place of an earlier one.
    public func trainLearned(
        textPath: String, settings: LearnedSettings, checkpointPath: String
    ) throws(TaperError) -> LearnedScheduler {
        progress.begin("learned scheduler")
        let bundle = try Bundle(path: edit.path)
        let checkpoint = try Checkpoint.open(checkpointPath)
        try checkpoint.checkVocabulary(equals: bundle.manifest.model, of: edit.path)
        let text = try SourceText(path: textPath)
        let stage = LearnedStage(
            bundle: BundleInput(path: edit.path), model: ModelInput(unkeyed: checkpoint),
            text: SourceInput(source: text, isNamed: false), settings: settings)
        let scheduler = try output(of: stage)
        try edit.rewrite(
            documents: [try texts(bundle, adding: SectionName.learned, text)], learned: scheduler)
        progress.end(stage.outcome(scheduler) ?? "")
        return scheduler
    }

    private func output<Work: ByteStage>(of stage: Work) throws(TaperError) -> Work.Output {
        try stage.read(try stage.make(workspace))
    }

    private func texts(
        _ bundle: Bundle, adding use: String, _ text: SourceText
    ) throws(TaperError) -> (section: String, value: JSONValue) {
        var texts = try CalibrationTexts(bundle)
        texts.add(CalibrationSource(use: use, text: text))
        return (SectionName.texts, texts.json)
    }
}
