public import Kernels
public import Model
public import Storage

/// The float model with gradients; memory is kept from step to step.
///
/// With n tokens a step holds n * vocabularySize logits and, per layer, n * (2 hiddenSize + 2 querySize + 2 kvSize +
/// 2 intermediateSize) floats, and where queries and keys are normalized querySize + kvSize more, where outputs are 2 hiddenSize.
/// A walk holds that of one layer, and hiddenSize floats a layer of every token of all its sequences.
public final class GradientModel {
    public let config: ModelConfig
    let arithmetic: TransformerArithmetic
    let weights: FloatWeights
    let memory = Memory()

    /// Buffers that grow with the longest sequence.
    struct Memory {
        let states = FloatBuffer(purpose: "hidden states")
        let walkStates = FloatBuffer(purpose: "hidden states of all blocks")
        let kept = FloatBuffer(purpose: "activations")
        let shared = FloatBuffer(purpose: "activations")
        let backward = FloatBuffer(purpose: "gradients of activations")
        let logits = FloatBuffer(purpose: "logits")
        /// The same, kept from the loss, where the model caps them.
        let cappedLogits = FloatBuffer(purpose: "logits")
        let weightGradient = FloatBuffer(purpose: "gradients of weights")
        let embeddingGradient = FloatBuffer(purpose: "gradients of the embedding")
    }

    /// Reads every tensor of a model that stays in memory.
    /// - Throws: what the source throws; `badData` for a tensor of another size than the config says; `noInput` without
    ///   the library that multiplies in this precision.
    public init(
        _ source: WeightSource, residency: ReferenceModel.Residency = .resident, threads: Int,
        precision: FloatPrecision = .single
    ) throws(TaperError) {
        config = source.config
        arithmetic = try TransformerArithmetic(config, threads: threads, precision: precision)
        weights = FloatWeights(source, residency: residency, precision: precision, pool: arithmetic.pool)
        if residency == .resident { try weights.load() }
    }

    /// The threads of all this model's work, for callers that have some of their own to do between steps.
    public var pool: ThreadPool { arithmetic.pool }

    /// The linear layers of the blocks, [rows, columns] each, first to last.
    public var linearLayers: [ModelConfig.TensorRequirement] { config.tensorRequirements().filter(\.isLinear) }

    /// Reads or replaces a tensor in place, row-major. Not from within a step.
    /// - Throws: `noInput` for a name that the model does not have.
    public func withWeights<R>(
        _ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R
    ) throws(TaperError) -> R {
        var values = try weights.values(name)
        let result = values.withUnsafeMutableBufferPointer { body($0) }
        weights.replace(name, values)
        return result
    }

    /// Puts other values in the place of the embedding or the head, whose rows are read when they are needed.
    public func replace(_ name: String, rows: @escaping RowReader) { weights.replace(name, rows: rows) }

    /// Reads the blocks' weights anew at the next step: their source has changed.
    public func forgetBlocks() { weights.forgetBlocks() }

    var headName: String { config.headName }

    /// Logits after every position, [tokens.count * vocabularySize], into the caller's memory; nothing is kept.
    /// - Throws: `usage` for an empty or too long sequence or an unknown token; `inputOutput` without memory.
    public func logits(
        _ tokens: [Int], into logits: UnsafeMutableBufferPointer<Float>
    ) throws(TaperError) {
        try arithmetic.check(tokens)
        let count = tokens.count
        guard let out = logits.baseAddress, logits.count == count * config.vocabularySize else {
            preconditionFailure("memory for \(logits.count) logits, expected \(count * config.vocabularySize)")
        }
        let states = try memory.states.reserve(pieces: [count * config.hiddenSize, count * config.hiddenSize])
        let kept = try memory.kept.reserve(pieces: BlockActivations.keptSizes(config, tokens: count))
        let shared = try memory.shared.reserve(
            pieces: BlockActivations.sharedSizes(config, tokens: count, visible: count))
        let block = BlockActivations(config, input: states[0], output: states[0], kept: kept, shared: shared)
        states[0].update(from: try weights.embedded([tokens])[0], count: count * config.hiddenSize)
        for layer in 0..<config.layerCount {
            try Interrupt.check("Nothing was written")
            arithmetic.forward(try weights.block(layer), block, tokens: count)
        }
        arithmetic.normalize(states[0], try weights.finalNorm(), tokens: count, into: states[1])
        arithmetic.head(
            states[1], try weights.headMatrix(), bias: try weights.headBias(), tokens: count, into: out)
    }
}
