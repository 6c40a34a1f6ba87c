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
    /// The elements of one head, whichever.
    case headElements
    case vocabulary
}

/// What is to be known of one part of a transformer block: all that makes or reads its tensors goes by this table.
public struct BlockPart: Sendable {
    /// Elements of a vector, or rows of a matrix: y = x W^T. `rowAxis` says what they are in a certain model.
    let rows: Axis
    /// nil: a vector, the scale of a norm.
    public let columns: Axis?
    /// Which fact of a model gives it a bias, [rows].
    let bias: Bias
    /// Which models have it.
    let presence: Presence
    /// The part in whose name the statistics of its input are kept: parts that read the same vector share one.
    public let input: TensorName.Part

    enum Bias { case never, ofQKV, ofAttentionOutput, ofMLP, ofNorms }
    enum Presence { case always, gatedMLP, beforeAttention, beforeMLP, behind, queryKeyNorm }

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
        case .attentionOutput: BlockPart(.hidden, .heads, bias: .ofAttentionOutput, input: .attentionOutput)
        case .gate: BlockPart(.inner, .hidden, bias: .ofMLP, in: .gatedMLP, input: .up)
        case .up: BlockPart(.inner, .hidden, bias: .ofMLP, input: .up)
        case .down: BlockPart(.hidden, .inner, bias: .ofMLP, input: .down)
        case .inputNorm: BlockPart(.hidden, bias: .ofNorms, in: .beforeAttention, input: .inputNorm)
        case .mlpNorm: BlockPart(.hidden, bias: .ofNorms, in: .beforeMLP, input: .mlpNorm)
        case .queryNorm: BlockPart(.heads, bias: .never, in: .queryKeyNorm, input: .queryNorm)
        case .keyNorm: BlockPart(.kvHeads, bias: .never, in: .queryKeyNorm, input: .keyNorm)
        case .attentionOutputNorm: BlockPart(.hidden, bias: .ofNorms, in: .behind, input: .attentionOutputNorm)
        case .mlpOutputNorm: BlockPart(.hidden, bias: .ofNorms, in: .behind, input: .mlpOutputNorm)
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
        case .beforeAttention: normPlacement != .post
        case .beforeMLP: normPlacement != .post && !parallelResidual
        case .behind: normPlacement != .pre
        case .queryKeyNorm: queryKeyNorm != .none
        }
    }

    public func hasBias(_ part: TensorName.Part) -> Bool {
        switch part.row.bias {
        case .never: false
        case .ofQKV: qkvBias
        case .ofAttentionOutput: attentionOutputBias
        case .ofMLP: mlpBias
        case .ofNorms: normalization == .layer
        }
    }

    /// What the part's rows, or elements, run over in this model.
    public func rowAxis(_ part: TensorName.Part) -> Axis {
        part.row.presence == .queryKeyNorm && queryKeyNorm == .head ? .headElements : part.row.rows
    }

    /// Rows and columns; of a vector one column.
    public func shape(_ part: TensorName.Part) -> (rows: Int, columns: Int) {
        (count(rowAxis(part)), part.row.columns.map { count($0) } ?? 1)
    }

    func count(_ axis: Axis) -> Int {
        switch axis {
        case .hidden: hiddenSize
        case .inner: intermediateSize
        case .heads: querySize
        case .kvHeads: kvSize
        case .headElements: headSize
        case .vocabulary: vocabularySize
        }
    }
}

/// How the norm of queries or keys divides what it normalizes, [count * size] of a token.
public struct HeadNormShape: Sendable {
    /// Vectors that are normalized by themselves.
    public let count: Int
    public let size: Int
    /// From one's weight to the next one's; 0: they share it.
    public let weightStride: Int
}

extension ModelConfig {
    /// - Parameter heads: of the queries, or of the keys.
    public func headNormShape(heads: Int) -> HeadNormShape {
        switch queryKeyNorm {
        case .none, .head: HeadNormShape(count: heads, size: headSize, weightStride: 0)
        case .heads: HeadNormShape(count: heads, size: headSize, weightStride: headSize)
        case .full: HeadNormShape(count: 1, size: heads * headSize, weightStride: 0)
        }
    }
}
