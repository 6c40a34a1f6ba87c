internal import CGradient
import Kernels
import Model

extension TransformerArithmetic {
    /// Gradients of query, key and value (rotated) in `scratch` from that of `mixed`.
    ///
    /// With P = softmax(S), S = Q K^T / sqrt(headSize), capped or not: dV = P^T dO, dP = dO V^T, dS = P (dP - sum(P dP)),
    /// dQ = dS K / sqrt(headSize), dK = dS^T Q / sqrt(headSize). P is computed again from Q and K: that takes about as
    /// long as writing and reading P of all layers, whose memory would grow with the square of the tokens.
    func attendBackward(_ a: BlockActivations, _ scratch: BackwardScratch, layer: Int, tokens: Int) {
        let window = config.layers[layer].window
        let spans = spans(tokens: tokens, position: 0, window: window)
        let each = Self.scoreCount(tokens: tokens, visible: tokens)
        let shared = config.headCount / config.kvHeadCount
        // Heads that share keys write apart, so that the order of the sum does not depend on threads.
        let keys = shared == 1 ? scratch.key : scratch.headKeys
        let values = shared == 1 ? scratch.value : scratch.headValues
        pool.run(config.headCount) { head in
            let scores = HeadScores(scratch.scores, config, head: head, each: each)
            let gradients = HeadGradients(
                query: scratch.query, key: keys, value: values, offset: head * config.headSize)
            for token in 0..<tokens {
                let at = token * config.querySize + gradients.offset
                (keys + at).update(repeating: 0, count: config.headSize)
                (values + at).update(repeating: 0, count: config.headSize)
            }
            for span in spans {
                attendBackward(a, mixed: scratch.mixed, head: head, span, window: window, scores, gradients)
            }
        }
        if shared > 1 {
            sumHeads(scratch.headKeys, tokens: tokens, into: scratch.key)
            sumHeads(scratch.headValues, tokens: tokens, into: scratch.value)
        }
    }

    /// Where one query head's gradients go: [tokens * querySize], from `offset` of each token on.
    private struct HeadGradients {
        let query: UnsafeMutablePointer<Float>
        let key: UnsafeMutablePointer<Float>
        let value: UnsafeMutablePointer<Float>
        let offset: Int
    }

    /// Pieces of scores that a head needs.
    static func scorePieces(_ config: ModelConfig) -> Int { config.attentionCap == nil ? 2 : 3 }

    /// Room for one head's probabilities and their gradients, and for its capped scores where there is a cap.
    private struct HeadScores {
        let p: UnsafeMutablePointer<Float>
        let dp: UnsafeMutablePointer<Float>
        let capped: UnsafeMutablePointer<Float>?

        init(_ memory: UnsafeMutablePointer<Float>, _ config: ModelConfig, head: Int, each: Int) {
            let pieces = TransformerArithmetic.scorePieces(config)
            p = memory + pieces * head * each
            dp = p + each
            capped = pieces == 3 ? dp + each : nil
        }
    }

    private func attendBackward(
        _ a: BlockActivations, mixed: UnsafePointer<Float>, head: Int, _ span: AttentionSpan, window: Int?,
        _ scores: HeadScores, _ gradients: HeadGradients
    ) {
        let (p, dp) = (scores.p, scores.dp)
        let count = span.tokens.count
        let width = span.positions.count
        let size = config.headSize
        let stride = config.querySize
        let kvStride = config.kvSize
        let rows = span.tokens.lowerBound * stride + gradients.offset
        let seen = span.positions.lowerBound * stride + gradients.offset
        let kvSeen = span.positions.lowerBound * kvStride + kvOffset(head)
        let output = BLAS.Matrix(values: mixed + rows, stride: stride)
        probabilities(
            a.query, keys: a.key, head: head, span, position: 0, window: window, into: p, capped: scores.capped)
        BLAS.product(
            m: width, n: size, k: count, .init(values: p, stride: width, transposed: true), output, keep: 1,
            into: gradients.value + seen, stride: stride)
        BLAS.product(
            m: count, n: width, k: size, output,
            .init(values: a.value + kvSeen, stride: kvStride, transposed: true), into: dp, stride: width)
        for row in 0..<count { functions.softmax_backward(p + row * width, Int32(width), dp + row * width) }
        if let cap = config.attentionCap, let capped = scores.capped {
            functions.cap_backward(capped, Float(cap), Int32(count * width), dp)
        }
        BLAS.product(
            m: count, n: size, k: width, scale: attentionScale, .init(values: dp, stride: width),
            .init(values: a.key + kvSeen, stride: kvStride), into: gradients.query + rows, stride: stride)
        BLAS.product(
            m: width, n: size, k: count, scale: attentionScale, .init(values: dp, stride: width, transposed: true),
            .init(values: a.query + rows, stride: stride), keep: 1, into: gradients.key + seen, stride: stride)
    }

    /// Sums of the query heads that share a key head: [tokens * querySize] to [tokens * kvSize].
    private func sumHeads(_ x: UnsafePointer<Float>, tokens: Int, into out: UnsafeMutablePointer<Float>) {
        let shared = config.headCount / config.kvHeadCount
        let size = config.headSize
        ops.rows(tokens) { token in
            let to = out + token * config.kvSize
            to.update(repeating: 0, count: config.kvSize)
            for head in 0..<config.kvHeadCount {
                functions.add_rows(
                    x + token * config.querySize + head * shared * size, Int32(shared), Int64(size), Int32(size),
                    to + head * size)
            }
        }
    }
}
