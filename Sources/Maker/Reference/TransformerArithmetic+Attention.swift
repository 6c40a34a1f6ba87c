internal import CGradient
import Kernels
import Model

/// Attention of one head for a run of tokens: which positions they see.
struct AttentionSpan {
    /// Tokens of the run, counted from the first of the sequence part at hand.
    let tokens: Range<Int>
    /// Positions that any of them sees.
    let positions: Range<Int>
}

extension TransformerArithmetic {
    /// Tokens whose scores are held at once: a head's scores stay in the cache, and most of what lies behind the causal
    /// mask is not computed. 64 to 128 are equally fast for 512 tokens, 256 is 4% of a step slower.
    static let spanLength = 64

    /// Floats of scores that a head needs.
    static func scoreCount(tokens: Int, visible: Int) -> Int {
        (min(tokens, spanLength) * visible + 15) / 16 * 16
    }

    /// The sequence part cut into runs, first to last; its first token stands at `position`.
    func spans(tokens: Int, position: Int, window: Int?) -> [AttentionSpan] {
        stride(from: 0, to: tokens, by: Self.spanLength).map { start in
            let end = min(start + Self.spanLength, tokens)
            return AttentionSpan(
                tokens: start..<end, positions: firstSeen(by: position + start, window)..<position + end)
        }
    }

    /// First position that the token at `position` sees.
    func firstSeen(by position: Int, _ window: Int?) -> Int { window.map { max(0, position + 1 - $0) } ?? 0 }

    /// From queries, keys and values that are not rotated yet to a.mixed.
    func attend(_ a: BlockActivations, layer: Int, tokens: Int, places: TokenPlaces) {
        let window = config.layers[layer].window
        func rotate(_ first: Int, count: Int, position: Int) {
            self.rotate(
                a.query + first * config.querySize, layer: layer, tokens: count, heads: config.headCount,
                position: position)
            self.rotate(
                a.key + first * config.kvSize, layer: layer, tokens: count, heads: config.kvHeadCount,
                position: position)
        }
        switch places {
        case .run(let position, let cache):
            rotate(0, count: tokens, position: position)
            guard let cache else {
                attend(
                    a.query, keys: a.key, values: a.value, tokens: tokens, position: position, window: window,
                    scores: a.scores, into: a.mixed)
                return
            }
            cache.append(keys: a.key, values: a.value, count: tokens * config.kvSize)
            attend(
                a.query, keys: cache.keys, values: cache.values, tokens: tokens, position: position,
                window: window, scores: a.scores, into: a.mixed)
        case .ends(let ends):
            for (row, end) in ends.enumerated() {
                rotate(row, count: 1, position: end.position)
                end.cache.append(
                    keys: a.key + row * config.kvSize, values: a.value + row * config.kvSize, count: config.kvSize)
                attend(
                    a.query + row * config.querySize, keys: end.cache.keys, values: end.cache.values, tokens: 1,
                    position: end.position, window: window, scores: a.scores, into: a.mixed + row * config.querySize)
            }
        }
    }

    /// softmax(Q K^T / sqrt(headSize)) V with a causal mask, [tokens * querySize]. Queries stand at `position` and
    /// after, keys and values from 0 on. Each head is one thread's work.
    func attend(
        _ query: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, tokens: Int,
        position: Int, window: Int?, scores: UnsafeMutablePointer<Float>, into mixed: UnsafeMutablePointer<Float>
    ) {
        let spans = spans(tokens: tokens, position: position, window: window)
        let each = Self.scoreCount(tokens: tokens, visible: position + tokens)
        pool.run(config.headCount) { head in
            let s = scores + head * each
            let values = values + kvOffset(head)
            for span in spans {
                probabilities(query, keys: keys, head: head, span, position: position, window: window, into: s)
                BLAS.product(
                    m: span.tokens.count, n: config.headSize, k: span.positions.count,
                    .init(values: s, stride: span.positions.count),
                    .init(values: values + span.positions.lowerBound * config.kvSize, stride: config.kvSize),
                    into: mixed + span.tokens.lowerBound * config.querySize + head * config.headSize,
                    stride: config.querySize)
            }
        }
    }

    /// Where a query head's keys and values start among a token's.
    func kvOffset(_ head: Int) -> Int { head / (config.headCount / config.kvHeadCount) * config.headSize }

    /// softmax(Q K^T / sqrt(headSize)) of one head, [span's tokens * span's positions].
    /// - Parameter capped: gets the scores as the cap leaves them, where there is one.
    func probabilities(
        _ query: UnsafePointer<Float>, keys: UnsafePointer<Float>, head: Int, _ span: AttentionSpan, position: Int,
        window: Int?, into scores: UnsafeMutablePointer<Float>, capped: UnsafeMutablePointer<Float>? = nil
    ) {
        let width = span.positions.count
        let lowest = span.positions.lowerBound
        BLAS.product(
            m: span.tokens.count, n: width, k: config.headSize, scale: attentionScale,
            .init(
                values: query + span.tokens.lowerBound * config.querySize + head * config.headSize,
                stride: config.querySize),
            .init(values: keys + lowest * config.kvSize + kvOffset(head), stride: config.kvSize, transposed: true),
            into: scores, stride: width)
        if let cap = config.attentionCap {
            let count = span.tokens.count * width
            functions.cap(scores, Int32(count), Float(cap))
            capped?.update(from: scores, count: count)
        }
        for (row, token) in span.tokens.enumerated() {
            functions.softmax(
                scores + row * width, Int32(firstSeen(by: position + token, window) - lowest),
                Int32(position + token + 1 - lowest), Int32(width))
        }
    }

    var attentionScale: Float { 1 / Float(config.headSize).squareRoot() }
}
