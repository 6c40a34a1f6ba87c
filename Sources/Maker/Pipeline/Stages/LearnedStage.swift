import Bundle
import Calibration
import Evaluation
import Model
import Reference
import Storage

/// Trains the scheduler that decides for every prompt.
struct LearnedStage: ByteStage {
    static let kind = StageKind.learned
    static let version = 2

    let bundle: BundleInput
    let model: ModelInput
    let text: SourceInput
    let settings: LearnedSettings

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let scheduler = try trainLearnedScheduler(
            bundle: try bundle.open(workspace), text: text.source, settings: settings,
            reference: try ReferenceModel(
                try model.open(workspace), residency: .resident, threads: workspace.threads),
            pool: workspace.pool
        ) { workspace.update($0) }
        var writer = ByteWriter()
        let facts = scheduler.json.bytes()
        writer.u64(UInt64(facts.count))
        writer.raw(facts)
        writer.raw(scheduler.weightBytes)
        return writer.bytes
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> LearnedScheduler {
        let place = "stored learned scheduler"
        return try bytes.withBytes { raw throws(TaperError) -> LearnedScheduler in
            var reader = ByteReader(raw, place: place)
            let count = try reader.count("length of the facts", limit: raw.count)
            let facts = try JSONValue.parse(Array(try reader.take(count, "facts")), place: place)
            let weights = Array(try reader.take(reader.remaining, "weights"))
            return try LearnedScheduler(json: facts, weights: weights, model: model.config, served: nil, place: place)
        }
    }

    /// "4 to 3 bits: 61% of held-out prompts right (55% by the most frequent class)", for every step down.
    func outcome(_ output: LearnedScheduler) -> String? {
        output.pairs.map { pair in
            func percent(_ key: String) -> String { fixed((pair.evidence[key]?.double ?? 0) * 100, 0) + "%" }
            return "\(pair.high) to \(pair.low) bits: \(percent("held_out_accuracy")) of held-out prompts right "
                + "(\(percent("accuracy_of_most_frequent")) by the most frequent class)"
        }.joined(separator: "; ")
    }
}
