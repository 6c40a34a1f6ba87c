import Kernels
import Testing

@Suite struct AttentionTests {
    struct Shape: CustomStringConvertible {
        var heads: Int
        var kvHeads: Int
        var headSize: Int
        var past: Int
        var tokens: Int
        var window: Int? = nil
        var cap: Float = 0
        /// Not what the head size gives: Gemma 2 and Granite have factors of their own.
        var scale: Float { cap > 0 ? 0.25 : 1 / Float(headSize).squareRoot() }
        var description: String {
            "\(heads)/\(kvHeads) heads of \(headSize), \(past) + \(tokens) tokens, window \(window ?? 0), cap \(cap)"
        }
    }
    static let shapes = [
        Shape(heads: 1, kvHeads: 1, headSize: 8, past: 0, tokens: 1),
        Shape(heads: 9, kvHeads: 3, headSize: 64, past: 0, tokens: 17),
        Shape(heads: 9, kvHeads: 3, headSize: 64, past: 63, tokens: 2),
        Shape(heads: 9, kvHeads: 3, headSize: 64, past: 200, tokens: 1),
        Shape(heads: 4, kvHeads: 2, headSize: 80, past: 64, tokens: 3),
        Shape(heads: 4, kvHeads: 1, headSize: 100, past: 5, tokens: 40),
        Shape(heads: 2, kvHeads: 2, headSize: 128, past: 127, tokens: 33),
        Shape(heads: 3, kvHeads: 3, headSize: 17, past: 129, tokens: 1),
        Shape(heads: 4, kvHeads: 2, headSize: 64, past: 100, tokens: 35, window: 20),
        Shape(heads: 2, kvHeads: 1, headSize: 40, past: 0, tokens: 90, window: 64),
        Shape(heads: 2, kvHeads: 2, headSize: 32, past: 10, tokens: 5, window: 1),
        Shape(heads: 4, kvHeads: 2, headSize: 64, past: 77, tokens: 1, cap: 5),
        Shape(heads: 3, kvHeads: 1, headSize: 48, past: 3, tokens: 34, cap: 50),
        Shape(heads: 2, kvHeads: 2, headSize: 256, past: 70, tokens: 18, window: 33, cap: 2),
    ]

    struct Input {
        let shape: Shape
        let query: [Float]
        let keys: [Float]
        let values: [Float]

        init(_ shape: Shape) {
            self.shape = shape
            var random = TestRandom(shape.heads * 7919 + shape.headSize * 31 + shape.past + shape.tokens)
            let all = shape.past + shape.tokens
            query = random.floats(all * shape.heads * shape.headSize, scale: 2)
            keys = random.floats(all * shape.kvHeads * shape.headSize, scale: 2)
            values = random.floats(all * shape.kvHeads * shape.headSize)
        }

        /// Attention of the last `shape.tokens` tokens, in calls of at most `step` tokens.
        func run(_ set: InstructionSet, threads: Int, step: Int, cacheBits: Int = 16) -> [Float] {
            let pool = ThreadPool(threadCount: threads, instructionSet: set)
            let all = shape.past + shape.tokens
            let cache = TestCache(
                capacity: all + 3, kvHeads: shape.kvHeads, headSize: shape.headSize, bits: cacheBits)
            let width = shape.heads * shape.headSize
            let kvWidth = shape.kvHeads * shape.headSize
            return query.withUnsafeBufferPointer { query in
                keys.withUnsafeBufferPointer { keys in
                    values.withUnsafeBufferPointer { values in
                        filled(shape.tokens * width) { out in
                            guard let q = query.baseAddress, let k = keys.baseAddress, let v = values.baseAddress
                            else { return }
                            storeKV(
                                keys: k, values: v, tokens: shape.past, firstPosition: 0, cache: cache.layer,
                                pool: pool)
                            for start in stride(from: 0, to: shape.tokens, by: step) {
                                let count = min(step, shape.tokens - start)
                                let position = shape.past + start
                                storeKV(
                                    keys: k + position * kvWidth, values: v + position * kvWidth, tokens: count,
                                    firstPosition: position, cache: cache.layer, pool: pool)
                                attention(
                                    query: q + position * width, tokens: count, firstPosition: position,
                                    cache: cache.layer, heads: shape.heads, window: shape.window,
                                    scale: shape.scale, cap: shape.cap, output: out + start * width, pool: pool)
                            }
                        }
                    }
                }
            }
        }

        /// softmax(q K^T * scale) V, with the cap if there is one, in double precision, from keys and values as they are kept.
        func expected(cacheBits: Int = 16) -> [Double] {
            let size = shape.headSize
            let kvWidth = shape.kvHeads * size
            var (keys, values) = (keys, values)
            if cacheBits == 8 {
                let all = shape.past + shape.tokens
                let cache = TestCache(capacity: all, kvHeads: shape.kvHeads, headSize: size, bits: 8)
                let pool = ThreadPool(threadCount: 1, instructionSet: .scalar)
                storeKV(keys: keys, values: values, tokens: all, firstPosition: 0, cache: cache.layer, pool: pool)
                (keys, values) = cache.layer.floats(positions: all)
            }
            func half(_ x: Float) -> Double { Double(cacheBits == 8 ? x : roundedToHalf(x)) }
            var out: [Double] = []
            for token in 0..<shape.tokens {
                for head in 0..<shape.heads {
                    let kvHead = head / (shape.heads / shape.kvHeads)
                    let q = ((shape.past + token) * shape.heads + head) * size
                    let visible = shape.past + token + 1
                    let first = max(0, visible - (shape.window ?? visible))
                    let scores = (first..<visible).map { position in
                        let score =
                            (0..<size).reduce(0.0) {
                                $0 + Double(query[q + $1]) * half(keys[position * kvWidth + kvHead * size + $1])
                            } * Double(shape.scale)
                        let cap = Double(shape.cap)
                        return cap > 0 ? cap * hyperbolicTangent(score / cap) : score
                    }
                    let top = scores.max() ?? 0
                    let weights = scores.map { exponential($0 - top) }
                    let sum = weights.reduce(0, +)
                    for i in 0..<size {
                        var total = 0.0
                        for position in first..<visible {
                            total += weights[position - first] * half(values[position * kvWidth + kvHead * size + i])
                        }
                        out.append(total / sum)
                    }
                }
            }
            return out
        }
    }

    @Test(arguments: shapes)
    func equalsTheDefinition(_ shape: Shape) {
        let input = Input(shape)
        let scalar = input.run(.scalar, threads: 1, step: shape.tokens)
        #expect(distance(scalar, input.expected()) < 2e-6)
        for set in InstructionSet.available {
            for threads in 1...4 {
                #expect(
                    bits(input.run(set, threads: threads, step: shape.tokens)) == bits(scalar),
                    "\(set.name), \(threads) threads")
            }
            for step in [1, 2, 16] {
                #expect(bits(input.run(set, threads: 2, step: step)) == bits(scalar), "\(set.name), steps of \(step)")
            }
        }
    }

    /// Queries of 15 bits and weights of 14 add a thousandth of what bytes themselves lose.
    @Test(arguments: shapes)
    func bytesEqualTheDefinition(_ shape: Shape) {
        let input = Input(shape)
        let scalar = input.run(.scalar, threads: 1, step: shape.tokens, cacheBits: 8)
        #expect(distance(scalar, input.expected(cacheBits: 8)) < 4e-4)
        for set in InstructionSet.available {
            for (threads, step) in [(1, shape.tokens), (3, shape.tokens), (2, 1), (2, 7), (1, 16)] {
                #expect(
                    bits(input.run(set, threads: threads, step: step, cacheBits: 8)) == bits(scalar),
                    "\(set.name), \(threads) threads, steps of \(step)")
            }
        }
    }

    /// One new token in each of three sequences, at once and one by one; with a cap and without.
    @Test(arguments: [0, 3] as [Float], [16, 8])
    func sequencesTogetherAreWhatEachIsAlone(cap: Float, cacheBits: Int) {
        let positions = [5, 70, 16]
        let (heads, kvHeads, size) = (4, 2, 48)
        var random = TestRandom(11)
        let query = random.floats(positions.count * heads * size, scale: 2)
        let caches = positions.map { _ in TestCache(capacity: 80, kvHeads: kvHeads, headSize: size, bits: cacheBits) }
        let filler = ThreadPool(threadCount: 1, instructionSet: .scalar)
        for (cache, position) in zip(caches, positions) {
            let x = random.floats((position + 1) * kvHeads * size, scale: 2)
            storeKV(keys: x, values: x, tokens: position + 1, firstPosition: 0, cache: cache.layer, pool: filler)
        }
        for set in InstructionSet.available {
            let pool = ThreadPool(threadCount: 2, instructionSet: set)
            let together = filled(query.count) {
                attention(
                    query: query, positions: positions, caches: caches.map(\.layer), heads: heads, window: 40,
                    scale: 0.3, cap: cap, output: $0, pool: pool)
            }
            for (index, position) in positions.enumerated() {
                let own = Array(query[index * heads * size..<(index + 1) * heads * size])
                let alone = filled(own.count) {
                    attention(
                        query: own, tokens: 1, firstPosition: position, cache: caches[index].layer, heads: heads,
                        window: 40, scale: 0.3, cap: cap, output: $0, pool: pool)
                }
                #expect(
                    bits(Array(together[index * own.count..<(index + 1) * own.count])) == bits(alone), "\(set.name)")
            }
        }
    }

    @Test func halfPrecisionRoundsToNearestEvenEverywhere() {
        var random = TestRandom(3)
        var x: [Float] = [
            0, -0.0, 1, -1, 65504, 65519.99, 65520, 1e9, -1e9, 6e-8, 2.9802322e-8, 2.9802326e-8, 6.1e-5, 6.103515e-5,
            1.00048828125, 1.0014648, .infinity, -.infinity, .leastNonzeroMagnitude,
        ]
        // Patterns across the whole range of exponents.
        for _ in 0..<5000 {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            if !value.isNaN { x.append(value) }
        }
        for set in InstructionSet.available {
            let pool = ThreadPool(threadCount: 1, instructionSet: set)
            let cache = TestCache(capacity: 1, kvHeads: 1, headSize: x.count)
            storeKV(keys: x, values: x, tokens: 1, firstPosition: 0, cache: cache.layer, pool: pool)
            guard case .half(let keys, let values) = cache.layer.numbers else { return #expect(Bool(false)) }
            for (index, value) in x.enumerated() {
                for half in [keys[index * KVLayer.positionBlock], values[index]] {
                    #expect(widened(half).bitPattern == roundedToHalf(value).bitPattern, "\(set.name): \(value)")
                }
            }
        }
    }
}

/// Nearest value of half precision, ties to even, by arithmetic on the exponent.
private func roundedToHalf(_ x: Float) -> Float {
    guard x.isFinite, x != 0 else { return x }
    let exponent = max(-14, Int(x.exponent))
    // Spacing of half-precision numbers at this exponent.
    let spacing = Double(sign: .plus, exponent: exponent - 10, significand: 1)
    let rounded = (Double(x) / spacing).rounded(.toNearestOrEven) * spacing
    return abs(rounded) >= 65520 ? (x < 0 ? -.infinity : .infinity) : Float(rounded)
}

private func widened(_ half: UInt16) -> Float {
    let sign: Float = half & 0x8000 == 0 ? 1 : -1
    let exponent = Int(half >> 10 & 31)
    let fraction = Float(half & 1023)
    if exponent == 31 { return fraction == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * fraction / 16_777_216 }
    return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
}
