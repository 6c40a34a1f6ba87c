import Bundle
import Evaluation
import Model
import Reference
import Runtime
import Storage
import Text

/// Perplexity and divergence from full precision at every precision and of every schedule.
struct QualityStage: ByteStage {
    static let kind = StageKind.quality
    static let version = 5

    let bundle: BundleInput
    let model: ModelInput
    let text: SourceInput
    let rule: PerplexityProtocol
    let schedules: [Artifact<CalibratedSchedule>]

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let bundle = try bundle.open(workspace)
        let text = text.source
        let tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: bundle.path)
        let windows = try rule.windows(of: text.text, tokenizer: tokenizer, place: text.path)
        let engine = try Engine(
            try TransformerWeights(bundle), contextLength: rule.window, pool: workspace.pool)
        let reference = try ReferenceModel(
            try model.open(workspace), residency: .streamed, threads: workspace.threads)
        var measured = engine.weights.served.map { ($0.label, PrecisionSchedule.constant($0)) }
        for artifact in schedules {
            let schedule = try workspace.value(artifact)
            measured.append(
                (schedule.label, schedule.schedule))
        }
        let results = try evaluateQuality(
            bundle: engine, schedules: measured, reference: reference, windows: windows, pool: workspace.pool
        ) { workspace.update($0) }
        return Quality(
            text: text.name, checksum: text.checksum,
            rule: rule.json(PerplexityProtocol.Extent(windows, tokenizer)),
            rows: results.map(\.row)
        ).json.bytes()
    }

    /// Content of the bundle's section.
    func read(_ bytes: [UInt8]) throws(TaperError) -> JSONValue { try JSONValue.parse(bytes, place: "stored quality") }

    func outcome(_ output: JSONValue) -> String? {
        let full = Quality(output).rows.first?.perplexity
        return "full precision \(full.map { fixed($0, 2) } ?? "?") perplexity on \(text.source.name)"
    }
}
