public import Bundle
public import Kernels
public import Model
public import Storage

/// A model's tensors in the order the forward pass reads them, shapes checked against its description.
///
/// Immutable, so any number of engines and sequences share one, on any threads.
public final class TransformerWeights: @unchecked Sendable {
    /// Scale and, for layer norm, shift: [hiddenSize] each.
    struct Norm {
        let weight: UnsafePointer<Float>
        let bias: UnsafePointer<Float>?
    }
    /// y = x W^T + b, W [rows, columns].
    struct Linear {
        let matrix: WeightMatrix
        let bias: UnsafePointer<Float>?

        func product(_ bits: Int, _ output: UnsafeMutablePointer<Float>) -> Product {
            Product(matrix, bits: bits, output: output)
        }
    }
    /// One block; an object, so that the forward pass does not copy it. What the model lacks is nil.
    final class Layer {
        let inputNorm, attentionOutputNorm, mlpNorm, mlpOutputNorm: Norm?
        let queryNorm, keyNorm: Norm?
        let query, key, value, attentionOutput: Linear
        let gate: Linear?
        let up, down: Linear
        /// Index among the model's rotations; nil where positions do not turn.
        let rotation: Int?
        let window: Int?

        init(
            _ config: ModelConfig, index: Int, rotations: [Rotation],
            norm: (TensorName.Part) throws(TaperError) -> Norm,
            linear: (TensorName.Part) throws(TaperError) -> Linear
        ) throws(TaperError) {
            func optional(_ part: TensorName.Part) throws(TaperError) -> Norm? {
                config.has(part) ? try norm(part) : nil
            }
            inputNorm = try optional(.inputNorm)
            attentionOutputNorm = try optional(.attentionOutputNorm)
            mlpNorm = try optional(.mlpNorm)
            mlpOutputNorm = try optional(.mlpOutputNorm)
            queryNorm = try optional(.queryNorm)
            keyNorm = try optional(.keyNorm)
            query = try linear(.query)
            key = try linear(.key)
            value = try linear(.value)
            attentionOutput = try linear(.attentionOutput)
            gate = config.has(.gate) ? try linear(.gate) : nil
            up = try linear(.up)
            down = try linear(.down)
            let layer = config.layers[index]
            rotation = layer.rotation.flatMap { rotations.firstIndex(of: $0) }
            window = layer.window
        }

        func bytesRead(_ bits: BitAllocation.Layer) -> Int {
            query.matrix.bytesRead(bits: bits.query) + key.matrix.bytesRead(bits: bits.key)
                + value.matrix.bytesRead(bits: bits.value)
                + attentionOutput.matrix.bytesRead(bits: bits.attentionOutput)
                + (gate?.matrix.bytesRead(bits: bits.gate) ?? 0) + up.matrix.bytesRead(bits: bits.up)
                + down.matrix.bytesRead(bits: bits.down)
        }
    }

    public let config: ModelConfig
    /// Keep the weights alive, into which all pointers here point: mapped, or in memory.
    let bundle: Bundle?
    private let memory: [MemoryBlock]
    let embedding: WeightMatrix
    let layers: [Layer]
    let finalNorm: Norm
    let head: Linear
    /// Find the head's largest logits; none where all of it is read.
    public let headScreens: [HeadScreen]
    /// Every precision that can be decoded with, rungs included, ascending.
    public let served: [Precision]
    /// Whole precisions of 1 to 8 and 16 bits, whether the bundle serves them or not, then its rungs.
    private let allocations: [BitAllocation]
    /// Bytes that one decode step reads of all but the head, of each of `allocations`.
    private let stepBytes: [Int]

    /// - Throws: `badData` when the bundle's tensors do not fit its model description.
    public convenience init(_ bundle: Bundle) throws(TaperError) {
        try self.init(bundle, headScreens: try bundle.headScreens())
    }

    /// With other screens of the head than the bundle's, which outlive all that is made of this.
    public convenience init(_ bundle: Bundle, headScreens: [HeadScreen]) throws(TaperError) {
        let manifest = bundle.manifest
        try self.init(
            manifest.model, bundle: bundle, memory: [], screens: headScreens,
            matrix: { name throws(TaperError) in try bundle.weights(name) },
            vector: { name throws(TaperError) in try bundle.vector(name) }, served: try bundle.servedPrecisions(),
            rungs: try bundle.rungs(), order: manifest.linearTensors.map { $0.name })
    }

    /// Weights of one precision, 8 bits, that lie in memory.
    /// - Parameters:
    ///   - memory: what `matrix` and `vector` point into.
    ///   - matrix: of a name in `ModelConfig.tensorRequirements`.
    /// - Throws: `badData` when they do not fit the model description, and what `matrix` and `vector` throw.
    public convenience init(
        _ config: ModelConfig, in memory: [MemoryBlock], matrix: (String) throws(TaperError) -> WeightMatrix,
        vector: (String) throws(TaperError) -> UnsafeBufferPointer<Float>
    ) throws(TaperError) {
        try self.init(
            config, bundle: nil, memory: memory, screens: [], matrix: matrix, vector: vector,
            served: [Precision(bits: 8)],
            rungs: [], order: [])
    }

    private init(
        _ config: ModelConfig, bundle: Bundle?, memory: [MemoryBlock], screens: [HeadScreen],
        matrix found: (String) throws(TaperError) -> WeightMatrix,
        vector values: (String) throws(TaperError) -> UnsafeBufferPointer<Float>, served: [Precision], rungs: [Rung],
        order: [String]
    ) throws(TaperError) {
        self.bundle = bundle
        self.memory = memory
        self.config = config
        self.served = served
        func vector(_ name: String, _ count: Int) throws(TaperError) -> UnsafePointer<Float> {
            let values = try values(name)
            guard values.count == count, let base = values.baseAddress else {
                throw TaperError(
                    .badData, "the vector does not fit the model", at: name, expected: String(count) + " values",
                    found: String(values.count))
            }
            return base
        }
        func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(TaperError) -> WeightMatrix {
            let matrix = try found(name)
            guard matrix.rows == rows, matrix.columns == columns else {
                throw TaperError(
                    .badData, "the matrix does not fit the model", at: name,
                    expected: String(rows) + " x " + String(columns),
                    found: String(matrix.rows) + " x " + String(matrix.columns))
            }
            return matrix
        }
        func norm(_ part: TensorName.Part, _ layer: Int) throws(TaperError) -> Norm {
            let count = config.shape(part).rows
            let bias: UnsafePointer<Float>? =
                config.hasBias(part) ? try vector(TensorName.bias(part, layer: layer), count) : nil
            return Norm(weight: try vector(TensorName.weight(part, layer: layer), count), bias: bias)
        }

        embedding = try matrix(TensorName.embedding, config.vocabularySize, config.hiddenSize)
        let rotations = config.rotations
        var layers: [Layer] = []
        layers.reserveCapacity(config.layerCount)
        for layer in 0..<config.layerCount {
            func linear(_ part: TensorName.Part) throws(TaperError) -> Linear {
                let (rows, columns) = config.shape(part)
                let bias: UnsafePointer<Float>? =
                    config.hasBias(part) ? try vector(TensorName.bias(part, layer: layer), rows) : nil
                let weights = try matrix(TensorName.weight(part, layer: layer), rows, columns)
                return Linear(matrix: weights, bias: bias)
            }
            layers.append(
                try Layer(
                    config, index: layer, rotations: rotations,
                    norm: { part throws(TaperError) in try norm(part, layer) },
                    linear: { part throws(TaperError) in try linear(part) }))
        }
        self.layers = layers
        let finalBias: UnsafePointer<Float>? =
            config.normalization == .layer ? try vector(TensorName.finalNormBias, config.hiddenSize) : nil
        finalNorm = Norm(weight: try vector(TensorName.finalNorm, config.hiddenSize), bias: finalBias)
        let headBias: UnsafePointer<Float>? =
            config.headBias ? try vector(TensorName.headBias, config.vocabularySize) : nil
        let head = Linear(
            matrix: try matrix(
                config.headName, config.vocabularySize,
                config.hiddenSize), bias: headBias)
        self.head = head
        headScreens = screens
        var all = (Array(BitWidth.nested) + [BitWidth.half]).map {
            BitAllocation(uniform: $0, layerCount: config.layerCount)
        }
        for rung in rungs { all.append(try BitAllocation(rung, order: order, config)) }
        allocations = all
        let embedding = embedding
        stepBytes = all.map { allocation in
            var bytes = embedding.bytesRead(bits: allocation.others) / NestedLayout.paddedRows(embedding.rows)
            for (layer, bits) in zip(layers, allocation.layers) { bytes += layer.bytesRead(bits) }
            return bytes
        }
    }

    /// What has been compared of the bundle's weights: nothing yet. nil for weights that lie in memory.
    func makeBlockChecks() -> BlockChecks? { bundle.map { BlockChecks($0) } }

    /// - Throws: `badData` where the bundle is not what it was when it was made.
    func verifyBundle() throws(TaperError) { try bundle?.requireSound() }

    /// - Throws: `badData` when the bundle's file has been written to since it was opened.
    func checkUnchanged() throws(TaperError) { try bundle?.checkUnchanged() }

    /// Largest allocation of at most this precision, or the smallest, which comes first.
    private func index(_ precision: Precision) -> Int {
        var best = 0
        for index in allocations.indices
        where allocations[index].precision <= precision && allocations[index].precision > allocations[best].precision {
            best = index
        }
        return best
    }

    /// Bits of every tensor at this precision; a whole one that the bundle has not is rounded down to one it has.
    /// - Throws: `usage` for a rung that the bundle has not.
    func allocation(_ precision: Precision) throws(TaperError) -> BitAllocation {
        let found = allocations[index(precision)]
        guard precision.isWhole || found.precision == precision else {
            throw TaperError(
                .usage, "the bundle has no rung of " + precision.text + " bits", at: "precision",
                expected: "one of " + Precision.text(served), found: precision.text)
        }
        return found
    }

    /// Bytes of weights that one decode step reads at this precision: planes, tables and scales of every linear layer and the
    /// head, and one embedding row. Of a head with screens what so many of the largest logits take on average. Of a rung that
    /// the bundle has not, those of the whole precision below.
    public func bytesPerToken(bits: Precision, leading: Int = 1) -> Int {
        let index = index(bits)
        let others = allocations[index].others
        var least = head.matrix.bytesRead(bits: others)
        for screen in headScreens where leading <= HeadScreen.leadingLimit(rows: head.matrix.rows) {
            least = min(least, screen.expectedBytes(of: head.matrix, bits: others, leading: leading))
        }
        return stepBytes[index] + least
    }

    /// What makes logits, [vocabularySize, hiddenSize].
    public var headMatrix: WeightMatrix { head.matrix }

    /// Bytes of one row of the embedding, with its table and scale.
    func embeddingRowBytes(bits: Int) -> Int {
        embedding.bytesRead(bits: bits) / NestedLayout.paddedRows(embedding.rows)
    }
}
