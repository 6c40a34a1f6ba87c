import Kernels
import Testing

/// Activations, sums, factors and caps: the same bits on every instruction set and for any number of threads, and close to double
/// precision.
@Suite struct VectorOpsElementsTests {
    static let counts = VectorOpsTests.counts

    @Test(arguments: counts)
    func activations(count: Int) {
        var random = TestRandom(count + 1)
        let gate = random.floats(count, scale: 12)
        let up = random.floats(count)
        let silu = agreed("siluMultiply") { ops, _ in
            filled(count) { ops.siluMultiply(gate: gate, up: up, tokens: 1, columns: count, into: $0) }
        }
        #expect(distance(silu, zip(gate, up).map { Double($0) / (1 + exponential(-Double($0))) * Double($1) }) < 1e-5)

        let alone = agreed("silu") { ops, _ in
            filled(count) {
                $0.update(from: gate, count: count)
                ops.silu($0, tokens: 1, columns: count)
            }
        }
        #expect(bits(zip(alone, up).map(*)) == bits(silu))

        for tanhForm in [false, true] {
            let gelu = agreed("gelu") { ops, _ in
                filled(count) {
                    $0.update(from: gate, count: count)
                    ops.gelu($0, tanhForm: tanhForm, tokens: 1, columns: count)
                }
            }
            let wanted = gate.map { value in
                let x = Double(value)
                if tanhForm { return x / (1 + exponential(-2 * 0.7978845608028654 * (x + 0.044715 * x * x * x))) }
                // Phi by its series about 0, which converges for all x used here.
                var (term, sum, n) = (x, x, 1.0)
                while abs(term) > 1e-18 * abs(sum) && n < 600 {
                    term *= x * x / (2 * n + 1)
                    sum += term
                    n += 1
                }
                return x * (0.5 + sum * exponential(-x * x / 2) * 0.3989422804014327)
            }
            #expect(distance(gelu, wanted) < 5e-6)
            // With a gate: the product of that and `up`, rounded once more; the result may take either's place.
            let gated = bits(zip(gelu, up).map(*))
            for place in 0..<3 {
                let product = agreed("geluMultiply") { ops, _ in
                    filled(count) { out in
                        if place == 1 { out.update(from: gate, count: count) }
                        if place == 2 { out.update(from: up, count: count) }
                        gate.withUnsafeBufferPointer { gate in
                            up.withUnsafeBufferPointer { up in
                                guard let gate = gate.baseAddress, let up = up.baseAddress else { return }
                                ops.geluMultiply(
                                    gate: place == 1 ? UnsafePointer(out) : gate,
                                    up: place == 2 ? UnsafePointer(out) : up, tokens: 1, columns: count,
                                    tanhForm: tanhForm, into: out)
                            }
                        }
                    }
                }
                #expect(bits(product) == gated)
            }
        }
    }

    @Test(arguments: counts)
    func additions(count: Int) {
        var random = TestRandom(count + 2)
        let a = random.floats(2 * count)
        let b = random.floats(2 * count)
        let sum = agreed("add") { ops, _ in
            filled(2 * count) {
                $0.update(from: a, count: 2 * count)
                ops.add(b, tokens: 2, columns: count, into: $0)
            }
        }
        #expect(sum == zip(a, b).map(+))
        let biased = agreed("addBias") { ops, _ in
            filled(2 * count) {
                $0.update(from: a, count: 2 * count)
                ops.addBias(b, tokens: 2, columns: count, to: $0)
            }
        }
        #expect(biased == a.indices.map { a[$0] + b[$0 % count] })
    }

    /// softCap of `x` as one row, on every instruction set.
    private func capped(_ x: [Float], cap: Float) -> [Float] {
        agreed("softCap") { ops, _ in
            filled(x.count) {
                $0.update(from: x, count: x.count)
                ops.softCap($0, cap: cap, tokens: 1, columns: x.count)
            }
        }
    }

    /// Relative errors of 4 ulp, at 1e-30 as at 100 times the cap.
    @Test(arguments: counts, [30, 50, 0.7] as [Float])
    func capsAreRightAtEverySize(count: Int, cap: Float) {
        var random = TestRandom(count + 5)
        for scale in [1e-30, 1e-3, 0.1, 1, 10, 100] as [Float] {
            let x = random.floats(count, scale: scale * cap)
            for (value, result) in zip(x, capped(x, cap: cap)) {
                let wanted = Double(cap) * hyperbolicTangent(Double(value) / Double(cap))
                #expect(abs(Double(result) - wanted) <= 4 * 1.2e-7 * abs(wanted), "\(value)")
            }
        }
    }

    @Test func capsOfExtremes() {
        let x: [Float] = [
            0, -0.0, 1e30, -1e30, .infinity, -.infinity, .greatestFiniteMagnitude, 1e-40, -.leastNonzeroMagnitude, .nan,
        ]
        let result = capped(x, cap: 50)
        #expect(bits(Array(result[..<7])) == bits([0, -0.0, 50, -50, 50, -50, 50]))
        // A fiftieth of what has few bits has fewer still.
        #expect(abs(result[7] - 1e-40) < 1e-43 && abs(result[8]) < 1e-43 && result[9].isNaN)
    }

    /// Rows long enough for all threads, one and several.
    @Test(arguments: [(1, 262_144), (1, 100_003), (3, 32_768), (1, 32_767)])
    func longRowsDoNotDependOnThreads(tokens: Int, columns: Int) {
        var random = TestRandom(columns)
        let x = random.floats(tokens * columns, scale: 40)
        let results = (1...4).map { threads in
            let ops = VectorOps(ThreadPool(threadCount: threads, instructionSet: InstructionSet.best))
            return filled(x.count) {
                $0.update(from: x, count: x.count)
                ops.softCap($0, cap: 30, tokens: tokens, columns: columns)
            }
        }
        for result in results { #expect(bits(result) == bits(results[0])) }
        for index in [0, x.count / 3, x.count - 1] {
            let wanted = 30 * hyperbolicTangent(Double(x[index]) / 30)
            #expect(abs(Double(results[3][index]) - wanted) < 1e-5)
        }
    }
}
