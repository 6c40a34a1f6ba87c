internal import CGradient
import Kernels
import Model
import Storage

/// Computes the gradients of tensors that are wanted and hands them on.
struct GradientReport {
    typealias Receiver = (TensorGradient) -> Void

    private let model: GradientModel
    private let tokens: Int
    private let wanted: Set<String>
    /// Room for the largest gradient that is not of the embedding; two, because a norm has a weight and a bias.
    private let values: UnsafeMutablePointer<Float>
    /// [vocabularySize * hiddenSize], when wanted.
    private let embedding: UnsafeMutablePointer<Float>?

    init(
        _ model: GradientModel, tokens: Int, wanted: (String) -> Bool
    ) throws(TaperError) {
        let config = model.config
        self.model = model
        self.tokens = tokens
        let tensors = config.tensorRequirements().filter { wanted($0.name) }
        self.wanted = Set(tensors.map(\.name))
        let largest = tensors.filter { $0.name != TensorName.embedding }.map { $0.shape.reduce(1, *) }.max() ?? 0
        values = try model.memory.weightGradient.reserve(max(largest, 2 * max(config.hiddenSize, config.querySize)))
        embedding =
            self.wanted.contains(TensorName.embedding)
            ? try model.memory.embeddingGradient.reserve(config.vocabularySize * config.hiddenSize) : nil
    }

    private func room(_ count: Int) -> UnsafeMutableBufferPointer<Float> { .init(start: values, count: count) }

    /// A linear layer of a block and its bias.
    func linear(
        _ part: TensorName.Part, layer: Int, input: UnsafeMutablePointer<Float>,
        outputGradient: UnsafeMutablePointer<Float>, to receive: Receiver
    ) {
        let (rows, columns) = model.config.shape(part)
        linear(
            TensorName.weight(part, layer: layer), bias: TensorName.bias(part, layer: layer), rows, columns, input,
            outputGradient, receive)
    }

    private func linear(
        _ name: String, bias: String, _ rows: Int, _ columns: Int, _ x: UnsafeMutablePointer<Float>,
        _ dy: UnsafeMutablePointer<Float>, _ receive: Receiver
    ) {
        let isWanted = wanted.contains(name)
        if isWanted {
            model.arithmetic.blas.weightGradient(dy, x, tokens: tokens, rows: rows, columns: columns, into: values)
        }
        receive(
            TensorGradient(
                name, room(isWanted ? rows * columns : 0), input: .init(start: x, count: tokens * columns),
                outputGradient: .init(start: dy, count: tokens * rows)))
        if wanted.contains(bias) {
            model.arithmetic.biasGradient(dy, tokens: tokens, rows: rows, into: values)
            receive(TensorGradient(bias, room(rows)))
        }
    }

    /// The head; of a tied one the gradient goes to the embedding's.
    func head(
        input: UnsafeMutablePointer<Float>, outputGradient: UnsafeMutablePointer<Float>, to receive: Receiver
    ) {
        let (rows, columns) = (model.config.vocabularySize, model.config.hiddenSize)
        if let embedding {
            if model.config.tiedEmbeddings {
                model.arithmetic.blas.weightGradient(
                    outputGradient, input, tokens: tokens, rows: rows, columns: columns, into: embedding)
            } else {
                embedding.update(repeating: 0, count: rows * columns)
            }
        }
        linear(TensorName.head, bias: TensorName.headBias, rows, columns, input, outputGradient, receive)
    }

    /// A norm of a block.
    func norm(
        _ part: TensorName.Part, layer: Int, input: UnsafeMutablePointer<Float>,
        outputGradient: UnsafeMutablePointer<Float>, to receive: Receiver
    ) {
        let name = TensorName.weight(part, layer: layer)
        let config = model.config
        switch part {
        case .queryNorm, .keyNorm:
            guard wanted.contains(name) else { return }
            model.arithmetic.headNormWeightGradient(
                input, outputGradient, heads: part == .queryNorm ? config.headCount : config.kvHeadCount,
                tokens: tokens, weight: values)
            receive(TensorGradient(name, room(config.shape(part).rows)))
        default:
            norm(
                name, TensorName.bias(part, layer: layer), input: input, outputGradient: outputGradient, to: receive)
        }
    }

    func norm(
        _ weight: String, _ bias: String, input: UnsafeMutablePointer<Float>,
        outputGradient: UnsafeMutablePointer<Float>, to receive: Receiver
    ) {
        guard wanted.contains(weight) || wanted.contains(bias) else { return }
        let count = model.config.hiddenSize
        model.arithmetic.normWeightGradient(
            input, outputGradient, tokens: tokens, weight: values, bias: values + count)
        if wanted.contains(weight) { receive(TensorGradient(weight, room(count))) }
        if wanted.contains(bias) { receive(TensorGradient(bias, .init(start: values + count, count: count))) }
    }

    /// The embedding, whose rows for these tokens get d, [tokens * hiddenSize], too.
    func embedding(_ ids: [Int], _ d: UnsafePointer<Float>, to receive: Receiver) {
        guard let embedding else { return }
        let (rows, columns) = (model.config.vocabularySize, model.config.hiddenSize)
        for (index, id) in ids.enumerated() {
            model.arithmetic.functions.add_rows(
                d + index * columns, 1, Int64(columns), Int32(columns), embedding + id * columns)
        }
        receive(TensorGradient(TensorName.embedding, .init(start: embedding, count: rows * columns)))
    }
}
