/// What the rows or columns of a tensor run over.
public enum Axis: Sendable {
    /// The residual stream. Its channels have no order of their own.
    case hidden
    /// The inner activations of one block's MLP, which have none either.
    case inner
    /// Queries of all heads, one head after the other.
    case heads
    /// Keys or values of all KV heads.
    case kvHeads
    case vocabulary
}

/// What is to be known of one part of a transformer block: all that makes or reads its tensors goes by this table.
public struct BlockPart: Sendable {
    /// Elements of a vector, or rows of a matrix: y = x W^T.
    public let rows: Axis
    /// nil: a vector, the scale of a norm.
    public let columns: Axis?
    /// Which fact of a model gives it a bias, [rows].
    let bias: Bias
    /// Which models have it.
    let presence: Presence
    /// The part in whose name the statistics of its input are kept: parts that read the same vector share one.
    public let input: TensorName.Part

    enum Bias { case ofQKV, ofOutputs, ofNorms }
    enum Presence { case always, gatedMLP, sequentialResidual }

    /// A matrix of the blocks: what the nested quantizer works on. Else a norm.
    public var isLinear: Bool { columns != nil }

    fileprivate init(
        _ rows: Axis, _ columns: Axis? = nil, bias: Bias, in presence: Presence = .always, input: TensorName.Part
    ) {
        self.rows = rows
        self.columns = columns
        self.bias = bias
        self.presence = presence
        self.input = input
    }
}

extension TensorName.Part {
    /// The table, one row for every part.
    public var row: BlockPart {
        switch self {
        case .query: BlockPart(.heads, .hidden, bias: .ofQKV, input: .query)
        case .key: BlockPart(.kvHeads, .hidden, bias: .ofQKV, input: .query)
        case .value: BlockPart(.kvHeads, .hidden, bias: .ofQKV, input: .query)
        case .attentionOutput: BlockPart(.hidden, .heads, bias: .ofOutputs, input: .attentionOutput)
        case .gate: BlockPart(.inner, .hidden, bias: .ofOutputs, in: .gatedMLP, input: .up)
        case .up: BlockPart(.inner, .hidden, bias: .ofOutputs, input: .up)
        case .down: BlockPart(.hidden, .inner, bias: .ofOutputs, input: .down)
        case .inputNorm: BlockPart(.hidden, bias: .ofNorms, input: .inputNorm)
        case .postAttentionNorm:
            BlockPart(.hidden, bias: .ofNorms, in: .sequentialResidual, input: .postAttentionNorm)
        }
    }
}

extension ModelConfig {
    /// Parts of every block in the order of the file: norms, then the matrices as the forward pass reads them.
    public func blockParts() -> [TensorName.Part] {
        var parts: [TensorName.Part] = []
        for isLinear in [false, true] {
            for part in TensorName.Part.allCases where has(part) && part.row.isLinear == isLinear { parts.append(part) }
        }
        return parts
    }

    /// The matrices of one block in the order the forward pass reads them.
    public func linearParts() -> [(part: TensorName.Part, rows: Int, columns: Int)] {
        var parts: [(part: TensorName.Part, rows: Int, columns: Int)] = []
        for part in TensorName.Part.allCases where has(part) && part.row.isLinear {
            let (rows, columns) = shape(part)
            parts.append((part, rows, columns))
        }
        return parts
    }

    public func has(_ part: TensorName.Part) -> Bool {
        switch part.row.presence {
        case .always: true
        case .gatedMLP: gatedMLP
        case .sequentialResidual: !parallelResidual
        }
    }

    public func hasBias(_ part: TensorName.Part) -> Bool {
        switch part.row.bias {
        case .ofQKV: qkvBias
        case .ofOutputs: outputBias
        case .ofNorms: normalization == .layer
        }
    }

    /// Rows and columns; of a vector one column.
    public func shape(_ part: TensorName.Part) -> (rows: Int, columns: Int) {
        let row = part.row
        return (count(row.rows), row.columns.map { count($0) } ?? 1)
    }

    func count(_ axis: Axis) -> Int {
        switch axis {
        case .hidden: hiddenSize
        case .inner: intermediateSize
        case .heads: querySize
        case .kvHeads: kvSize
        case .vocabulary: vocabularySize
        }
    }
}
