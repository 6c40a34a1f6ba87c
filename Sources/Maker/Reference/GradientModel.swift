public import Kernels
public import Model
public import Storage

/// The float model with gradients: all weights resident, replaceable between steps; memory is kept from step to step.
///
/// With n tokens a step holds n * vocabularySize logits and, per layer, n * (2 hiddenSize + 2 querySize + 2 kvSize +
/// 2 intermediateSize) floats, and where queries and keys are normalized querySize + kvSize more, where outputs are 2 hiddenSize.
public final class GradientModel {
    public let config: ModelConfig
    let arithmetic: TransformerArithmetic
    private var tensors: [String: [Float]] = [:]
    let memory = Memory()

    /// Buffers that grow with the longest sequence.
    struct Memory {
        let states = FloatBuffer(purpose: "hidden states")
        let kept = FloatBuffer(purpose: "activations")
        let shared = FloatBuffer(purpose: "activations")
        let backward = FloatBuffer(purpose: "gradients of activations")
        let logits = FloatBuffer(purpose: "logits")
        /// The same, kept from the loss, where the model caps them.
        let cappedLogits = FloatBuffer(purpose: "logits")
        let weightGradient = FloatBuffer(purpose: "gradients of weights")
        let embeddingGradient = FloatBuffer(purpose: "gradients of the embedding")
    }

    /// Reads every tensor.
    /// - Throws: what the source throws; `badData` for a tensor of another size than the config says; `noInput` without
    ///   OpenBLAS.
    public init(_ source: WeightSource, threads: Int) throws(TaperError) {
        config = source.config
        arithmetic = try TransformerArithmetic(config, threads: threads)
        for required in config.tensorRequirements() {
            let values = try source.read(required.name)
            let count = required.shape.reduce(1, *)
            guard values.count == count else {
                throw TaperError(
                    .badData, "tensor \(required.name) has the wrong size", at: "", expected: "\(count) elements",
                    found: "\(values.count)")
            }
            tensors[required.name] = values
        }
    }

    /// The threads of all this model's work, for callers that have some of their own to do between steps.
    public var pool: ThreadPool { arithmetic.pool }

    /// The linear layers of the blocks, [rows, columns] each, first to last.
    public var linearLayers: [ModelConfig.TensorRequirement] { config.tensorRequirements().filter(\.isLinear) }

    /// Reads or replaces a tensor in place, row-major. Not from within a step.
    /// - Precondition: the model has a tensor of this canonical name.
    public func withWeights<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R {
        guard let result = tensors[name]?.withUnsafeMutableBufferPointer({ body($0) }) else {
            preconditionFailure("the model has no tensor \(name)")
        }
        return result
    }

    func tensor(_ name: String) -> [Float] { tensors[name] ?? [] }

    func blockWeights(_ layer: Int) throws(TaperError) -> BlockWeights {
        try BlockWeights(config, layer: layer) { name throws(TaperError) in tensor(name) }
    }

    var finalNorm: (weight: [Float], bias: [Float]) {
        (tensor(TensorName.finalNorm), tensor(TensorName.finalNormBias))
    }
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
        arithmetic.embed(tokens, tensor(TensorName.embedding), into: states[0])
        for layer in 0..<config.layerCount {
            try Interrupt.check("Nothing was written")
            arithmetic.forward(try blockWeights(layer), block, tokens: count)
        }
        arithmetic.normalize(states[0], finalNorm, tokens: count, into: states[1])
        arithmetic.head(states[1], tensor(headName), bias: tensor(TensorName.headBias), tokens: count, into: out)
    }
}
