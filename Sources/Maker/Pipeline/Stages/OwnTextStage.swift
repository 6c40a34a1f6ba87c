import Kernels
import Model
import Reference
import Runtime
import Storage

/// Lets the model write sequences; the stages after calibrate on them too. It writes with its weights in bytes: quicker and
/// smaller than with floats, and as good a sample of what the model writes.
struct OwnTextStage: ByteStage {
    static let kind = StageKind.ownText
    static let version = 4

    let model: ModelInput
    let plan: OwnTextPlan

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let bytes = try ByteModel(try model.open(workspace), pool: workspace.pool) {
            workspace.update($0 * Self.readingShare, "weights in bytes")
        }
        let engine = try Engine(bytes.weights, contextLength: plan.length, pool: workspace.pool)
        let start = monotonicSeconds()
        let text = TextSampling(plan.starts, length: plan.length, seed: UInt64(plan.seed))
        let sampled = try text.write(
            with: engine, places: Self.places(model.config, length: plan.length, workspace.memory),
            bits: Precision(bits: 8), pool: workspace.pool
        ) { () throws(TaperError) in
            try engine.makeSequence()
        } progress: {
            workspace.update(Self.readingShare + (1 - Self.readingShare) * $0)
        }
        let values = sampled.flatMap(\.logProbabilities)
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
        let seconds = max(monotonicSeconds() - start, 1e-9)
        workspace.progress.note(
            "own text: \(fixed(Double(values.count) / seconds, 0)) tokens/s, perplexity to the model itself "
                + fixed(exponential(-mean), 2))
        return OwnText(sequences: sampled.map(\.tokens)).bytes
    }

    /// Of the stage's time, about, that weights take until they are bytes.
    private static let readingShare = 0.15

    /// Sequences at once: as many as their caches have memory, and no more than 64, from where on a step's time is arithmetic.
    static func places(_ config: ModelConfig, length: Int, _ memory: MemoryBudget) -> Int {
        max(1, min(64, memory.stateBytes / max(1, config.layerCount * config.kvSize * length * 4)))
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> OwnText { try OwnText(bytes: bytes) }

    func outcome(_ output: OwnText) -> String? { "\(plan.starts.count) x \(plan.length) tokens" }
}
