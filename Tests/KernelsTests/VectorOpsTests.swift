import Kernels
import Testing

/// Norms, softmax, rotation: the same bits on every instruction set, and close to double precision.
@Suite struct VectorOpsTests {
    static let counts = [1, 2, 7, 15, 16, 17, 31, 48, 63, 64, 65, 576, 1003]

    @Test(arguments: counts)
    func norms(count: Int) {
        var random = TestRandom(count)
        let x = random.floats(count, scale: 3)
        let weight = random.floats(count)
        let bias = random.floats(count)
        let rms = agreed("rmsNorm") { ops, _ in
            filled(count) {
                ops.rmsNorm(x, weight: weight, epsilon: 1e-5, tokens: 1, columns: count, into: $0)
            }
        }
        let n = Double(count)
        let square = x.reduce(0) { $0 + Double($1) * Double($1) } / n
        #expect(distance(rms, zip(x, weight).map { Double($0) * Double($1) / (square + 1e-5).squareRoot() }) < 1e-5)

        let layer = agreed("layerNorm") { ops, _ in
            filled(count) {
                ops.layerNorm(x, weight: weight, bias: bias, epsilon: 1e-5, tokens: 1, columns: count, into: $0)
            }
        }
        let mean = x.reduce(0) { $0 + Double($1) } / n
        let variance = x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
        let wanted = x.indices.map {
            (Double(x[$0]) - mean) / (variance + 1e-5).squareRoot() * Double(weight[$0]) + Double(bias[$0])
        }
        // One value alone has no variance: all that is left of it is rounding, divided by sqrt(epsilon).
        #expect(distance(layer, wanted) < (count < 3 ? 1e-3 : 2e-5))
        let bare = agreed("layerNorm without bias") { ops, _ in
            filled(count) {
                ops.layerNorm(x, weight: weight, bias: nil, epsilon: 1e-5, tokens: 1, columns: count, into: $0)
            }
        }
        #expect(bits(zip(bare, bias).map(+)) == bits(layer))
    }

    @Test(arguments: [1, 3, 16, 20, 48, 64, 100])
    func everyHeadHasItsOwnNorm(headSize: Int) {
        var random = TestRandom(headSize)
        let (tokens, heads) = (11, 3)
        let x = random.floats(tokens * heads * headSize, scale: 3)
        let weight = random.floats(heads * headSize)
        for centred in [false, true] {
            for stride in [0, headSize] {
                let apart = agreed("headNorm") { ops, _ in
                    filled(x.count) {
                        ops.headNorm(
                            x, weight: weight, weightStride: stride, tokens: tokens, heads: heads, headSize: headSize,
                            epsilon: 1e-6, centred: centred, into: $0)
                    }
                }
                let inPlace = agreed("headNorm in place") { ops, _ in
                    filled(x.count) {
                        $0.update(from: x, count: x.count)
                        ops.headNorm(
                            $0, weight: weight, weightStride: stride, tokens: tokens, heads: heads, headSize: headSize,
                            epsilon: 1e-6, centred: centred, into: $0)
                    }
                }
                #expect(bits(apart) == bits(inPlace))
                let wanted = (0..<tokens * heads).flatMap { row in
                    let own = x[row * headSize..<(row + 1) * headSize].map { Double($0) }
                    let mean = centred ? own.reduce(0, +) / Double(headSize) : 0
                    let square = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(headSize)
                    return own.indices.map {
                        (own[$0] - mean) / (square + 1e-6).squareRoot() * Double(weight[row % heads * stride + $0])
                    }
                }
                #expect(distance(apart, wanted) < (headSize < 4 ? 1e-3 : 2e-5))
                // What rows of one head each are to an ordinary norm.
                if stride == 0 && !centred {
                    let rows = agreed("rmsNorm of heads in place") { ops, _ in
                        filled(x.count) {
                            $0.update(from: x, count: x.count)
                            ops.rmsNorm(
                                $0, weight: weight, epsilon: 1e-6, tokens: tokens * heads, columns: headSize, into: $0)
                        }
                    }
                    #expect(bits(rows) == bits(apart))
                }
            }
        }
    }

    @Test(arguments: counts)
    func softmaxAndArgmax(count: Int) {
        var random = TestRandom(count + 3)
        var x = random.floats(count, scale: 30)
        let top = x.max() ?? 0
        var sums: [UInt32] = []
        let numerators = agreed("softmaxNumerators") { ops, _ in
            filled(count) {
                $0.update(from: x, count: count)
                sums.append(ops.softmaxNumerators($0, count: count).bitPattern)
            }
        }
        #expect(Set(sums).count == 1)
        let exact = x.map { exponential(Double($0) - Double(top)) }
        #expect(distance(numerators, exact) < 2e-6)
        #expect(abs(Double(Float(bitPattern: sums[0])) - exact.reduce(0, +)) < 1e-5 * Double(count))

        // The first of equals wins, wherever it stands.
        for at in [0, count / 2, count - 1] {
            x[at] = 1000
            if at > 0 && count > at { x[count - 1] = 1000 }
            let wanted = x.firstIndex(of: 1000)
            for set in InstructionSet.available {
                let ops = VectorOps(ThreadPool(threadCount: 1, instructionSet: set))
                #expect(ops.argmax(x, count: count) == wanted)
            }
            x[at] = 0
            x[count - 1] = 0
        }
        for at in [0, count / 2, count - 1] {
            for value in [-1e30, .infinity, -.nan] as [Float] {
                x[at] = value
                for set in InstructionSet.available {
                    let ops = VectorOps(ThreadPool(threadCount: 1, instructionSet: set))
                    #expect(ops.magnitude(x, count: count).bitPattern == value.magnitude.bitPattern)
                }
            }
            x[at] = 0
        }
        let negative = x.map { -abs($0) - 1 }
        for set in InstructionSet.available {
            let ops = VectorOps(ThreadPool(threadCount: 1, instructionSet: set))
            #expect(ops.argmax(negative, count: count) == negative.firstIndex(of: negative.max() ?? 0))
        }
    }

    @Test(arguments: [(1, 2, 1), (3, 64, 32), (9, 64, 32), (2, 80, 20), (2, 100, 50), (1, 34, 17)])
    func rope(heads: Int, headSize: Int, pairs: Int) {
        var random = TestRandom(headSize)
        let tokens = 10
        let x = random.floats(tokens * heads * headSize)
        let cosines = random.floats(tokens * pairs)
        let sines = random.floats(tokens * pairs)
        let turned = agreed("rope") { ops, _ in
            filled(x.count) {
                $0.update(from: x, count: x.count)
                ops.rope(
                    $0, tokens: tokens, heads: heads, headSize: headSize, pairs: pairs, cosines: cosines, sines: sines)
            }
        }
        var wanted = x
        for token in 0..<tokens {
            for head in 0..<heads {
                for i in 0..<pairs {
                    let at = (token * heads + head) * headSize + i
                    let (c, s) = (cosines[token * pairs + i], sines[token * pairs + i])
                    wanted[at] = x[at] * c - x[at + pairs] * s
                    wanted[at + pairs] = x[at + pairs] * c + x[at] * s
                }
            }
        }
        #expect(bits(turned) == bits(wanted))
    }

    @Test func rowsDoNotDependOnThreads() {
        var random = TestRandom(9)
        let x = random.floats(37 * 100)
        let weight = random.floats(100)
        let results = (1...4).map { threads in
            let ops = VectorOps(ThreadPool(threadCount: threads, instructionSet: InstructionSet.best))
            return filled(x.count) {
                ops.rmsNorm(x, weight: weight, epsilon: 1e-6, tokens: 37, columns: 100, into: $0)
            }
        }
        for result in results { #expect(bits(result) == bits(results[0])) }
    }
}
