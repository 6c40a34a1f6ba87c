public import Bundle
public import Calibration
import Checkpoint
import Evaluation
import Kernels
import Model
import Reference
public import Storage

/// Trains the learned scheduler of an existing bundle and stores it in the bundle, replacing an earlier one.
public func trainLearnedInPlace(
    _ edit: BundleEdit, textPath: String, settings: LearnedSettings, checkpointPath: String, threads: Int,
    progress: Progress
) throws(TaperError) -> LearnedScheduler {
    progress.begin("learned scheduler")
    let bundle = try Bundle(path: edit.path)
    let checkpoint = try Checkpoint.open(checkpointPath)
    guard checkpoint.config.vocabularySize == bundle.manifest.model.vocabularySize else {
        throw TaperError(
            .usage, "the reference has another vocabulary than the bundle", at: checkpointPath,
            expected: "\(bundle.manifest.model.vocabularySize) tokens", found: "\(checkpoint.config.vocabularySize)")
    }
    let text = try SourceText(path: textPath)
    let scheduler = try trainLearnedScheduler(
        bundle: bundle, text: text, settings: settings,
        reference: try ReferenceModel(checkpoint, residency: .resident, threads: threads),
        pool: try ThreadPool(threadCount: threads)
    ) { progress.update($0) }
    var texts = try CalibrationTexts(bundle)
    texts.add(CalibrationSource(use: SectionName.learned, text: text))
    try edit.rewrite(documents: [(SectionName.texts, texts.json)], learned: scheduler)
    progress.end(learnedSummary(scheduler))
    return scheduler
}

extension Converter {
    /// The learned scheduler that the recipe asks for.
    func trainLearned(_ keys: StageKeys, _ bundlePath: String) throws(TaperError) -> LearnedScheduler? {
        guard let learned = inputs.learned, let key = keys.learned else { return nil }
        progress.begin("learned scheduler")
        let place = "stored learned scheduler"
        let bundle = try Bundle(path: bundlePath)
        let scheduler = try stored("learned", key) { () throws(TaperError) -> [UInt8] in
            let scheduler = try trainLearnedScheduler(
                bundle: bundle, text: learned.text, settings: learned.settings,
                reference: try ReferenceModel(checkpoint, residency: .resident, threads: options.threads), pool: pool
            ) { progress.update($0) }
            var writer = ByteWriter()
            let facts = scheduler.json.bytes()
            writer.u64(UInt64(facts.count))
            writer.raw(facts)
            writer.raw(scheduler.weightBytes)
            return writer.bytes
        } read: { bytes throws(TaperError) in
            try bytes.withBytes { raw throws(TaperError) -> LearnedScheduler in
                var reader = ByteReader(raw, place: place)
                let count = try reader.count("length of the facts", limit: raw.count)
                let facts = try JSONValue.parse(Array(try reader.take(count, "facts")), place: place)
                let weights = Array(try reader.take(reader.remaining, "weights"))
                return try LearnedScheduler(json: facts, weights: weights, for: bundle, place: place)
            }
        }
        progress.end(learnedSummary(scheduler))
        return scheduler
    }
}

/// "4 to 3 bits: 61% of held-out prompts right (55% by the most frequent class)", for every step down.
func learnedSummary(_ scheduler: LearnedScheduler) -> String {
    scheduler.pairs.map { pair in
        func percent(_ key: String) -> String { fixed((pair.evidence[key]?.double ?? 0) * 100, 0) + "%" }
        return "\(pair.high) to \(pair.low) bits: \(percent("held_out_accuracy")) of held-out prompts right "
            + "(\(percent("accuracy_of_most_frequent")) by the most frequent class)"
    }.joined(separator: "; ")
}
