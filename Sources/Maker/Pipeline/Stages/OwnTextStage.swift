import Model
import Reference
import Storage

/// Lets the model write sequences; the stages after calibrate on them too.
struct OwnTextStage: ByteStage {
    static let kind = StageKind.ownText
    static let version = 3

    let model: ModelInput
    let plan: OwnTextPlan

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let model = try ReferenceModel(
            try model.open(workspace), residency: .streamed, threads: workspace.threads,
            precision: .fastest)
        let start = monotonicSeconds()
        let sampled = try model.sample(plan.starts, length: plan.length, seed: UInt64(plan.seed)) {
            workspace.update($0)
        }
        let values = sampled.flatMap(\.logProbabilities)
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
        let seconds = max(monotonicSeconds() - start, 1e-9)
        workspace.progress.note(
            "own text: \(fixed(Double(values.count) / seconds, 0)) tokens/s, perplexity to the model itself "
                + fixed(exponential(-mean), 2))
        return OwnText(sequences: sampled.map(\.tokens)).bytes
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> OwnText { try OwnText(bytes: bytes) }

    func outcome(_ output: OwnText) -> String? { "\(plan.starts.count) x \(plan.length) tokens" }
}
