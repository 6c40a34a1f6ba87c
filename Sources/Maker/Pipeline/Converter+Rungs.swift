public import Bundle
import Checkpoint
import Evaluation
import Kernels
public import Model
import Quantization
import Reference
public import Storage
import Text

/// How much text the sensitivities of tensors are estimated on. Sequences are short: the estimate's error falls with their
/// number, not their length (a share of about sqrt(2 / count) at most), and a gradient costs as many tokens as it has.
enum RungText {
    static let sequences = 64
    static let length = 128
}

extension Converter {
    /// Version of the stage's output; raise it when the same input gives other rungs.
    static let rungVersion = 1

    /// The bundle with rungs of the recipe's averages, or as it was when the recipe names none: its path.
    func addRungs(_ keys: StageKeys, to packed: String) throws(TaperError) -> String {
        guard let key = keys.rungs else { return packed }
        progress.begin("rungs")
        let place = "stored rungs"
        let section = try stored("rungs", key) { () throws(TaperError) -> [UInt8] in
            let found = try findRungs(
                recipe.rungs, bundle: try Bundle(path: packed), checkpoint: checkpoint,
                sequences: try sequences(.rungs), threads: options.threads
            ) { progress.update($0) }
            for problem in found.problems { progress.warn(problem) }
            return JSONValue.array(found.rungs.map(\.json)).bytes()
        } read: { bytes throws(TaperError) in
            try JSONValue.parse(bytes, place: place)
        }
        if options.restart || !work.isSealed("bundle", key) {
            try rewriteBundle(
                from: packed, to: work.place("bundle", key), documents: [(SectionName.rungs, section)], replacing: true)
            try work.seal("bundle", key)
        }
        let path = work.filePath("bundle", key)
        progress.end(rungText(try Bundle(path: path).rungs()))
        return path
    }
}

/// "3.5, 4.5 bits", or that there are none.
private func rungText(_ rungs: [Rung]) -> String {
    rungs.isEmpty ? "none can be made" : Precision.text(rungs.map(\.precision)) + " bits"
}

/// Estimates every tensor's sensitivity on calibration text, and finds the allocations of these averages.
private func findRungs(
    _ averages: [Precision], bundle: Bundle, checkpoint: Checkpoint, sequences: [[Int]], threads: Int,
    progress: (Double) -> Void
) throws(TaperError) -> (rungs: [Rung], problems: [String]) {
    let estimator = try SensitivityEstimator(bundle: bundle, source: WeightSource(checkpoint), threads: threads)
    return RungSearch(try estimator.run(sequences, progress: progress)).rungs(averages, bundle.manifest)
}

/// Averages half-way between neighbouring precisions of a bundle's nested codes.
public func halfRungs(_ manifest: Manifest) -> [Precision] {
    let nested = manifest.nestedPrecisions
    return zip(nested, nested.dropFirst()).map { Precision(hundredths: ($0 + $1) * 50) }.filter(\.isRung)
}

/// Finds rungs for an existing bundle and stores them in it, in place of those it had. What was measured or calibrated with
/// the old ones goes: results of rungs, and schedules that name one.
/// - Returns: the rungs, and the tasks whose schedules went.
public func calibrateRungsInPlace(
    _ averages: [Precision], in edit: BundleEdit, textPath: String, checkpointPath: String, threads: Int,
    progress: Progress
) throws(TaperError) -> (rungs: [Rung], droppedTasks: [String]) {
    progress.begin("rungs")
    let bundle = try Bundle(path: edit.path)
    try checkRungs(averages, precisions: bundle.manifest.precisions, code: .usage, place: field("rungs"))
    let checkpoint = try openCheckpoint(checkpointPath, arrangedAs: bundle)
    let text = CalibrationText(try SourceText(path: textPath))
    let sequences = try text.sequences(
        of: text.tokens(try checkpoint.tokenizer()), count: RungText.sequences,
        length: min(RungText.length, checkpoint.config.contextLength))
    let found = try findRungs(
        averages, bundle: bundle, checkpoint: checkpoint, sequences: sequences, threads: threads
    ) { progress.update($0) }
    for problem in found.problems { progress.warn(problem) }
    let schedules = try bundle.schedules()
    let kept = schedules.filter { $0.schedule.precisions.allSatisfy(\.isWhole) }
    var texts = try CalibrationTexts(bundle)
    if let source = text.source { texts.add(CalibrationSource(use: "calibration", text: source)) }
    var documents: [(section: String, value: JSONValue)] = [
        (SectionName.rungs, found.rungs.isEmpty ? .null : .array(found.rungs.map(\.json))),
        (SectionName.texts, texts.json),
    ]
    if kept.count < schedules.count {
        documents.append((SectionName.schedules, kept.isEmpty ? .null : .array(kept.map(\.json))))
    }
    if let quality = try bundle.quality() { documents.append((SectionName.quality, quality.withoutRungs().json)) }
    try edit.rewrite(documents: documents)
    progress.end(rungText(found.rungs))
    return (found.rungs, schedules.filter { $0.schedule.precisions.contains(where: \.isRung) }.map(\.task))
}

/// Refuses averages that are no rung between the nested precisions.
func checkRungs(
    _ averages: [Precision], precisions: [Int], code: TaperError.Code, place: String
) throws(TaperError) {
    let nested = BitWidth.nested(of: precisions)
    guard let lowest = nested.first, let highest = nested.last else { return }
    for average in averages
    where average.isWhole || average < Precision(bits: lowest) || average > Precision(bits: highest) {
        throw TaperError(
            code, "not the average of a rung", at: place,
            expected: "an average between \(lowest) and \(highest) that is not whole, such as \(lowest).5",
            found: average.text)
    }
}
