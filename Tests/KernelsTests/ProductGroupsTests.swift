import Kernels
import Testing

/// Products of several precisions with the same rows of weights: each group gets what it would get alone.
@Suite struct ProductGroupsTests {
    @Test(arguments: [(9, 65), (70, 576), (200, 200)]) func groupsDoNotMeet(rows: Int, columns: Int) {
        var random = TestRandom(rows + columns)
        let weights = TestWeights(nestedRows: rows, columns: columns, seed: rows + columns)
        let other = TestWeights(nestedRows: 24, columns: columns, seed: rows)
        let pools = InstructionSet.available.flatMap { set in
            [1, 3].map { ThreadPool(threadCount: $0, instructionSet: set) }
        }
        // A row alone, several, none, and more than a block of arranged ones.
        for groups in [[0..<1, 1..<4, 4..<4, 4..<12], [0..<3, 3..<23, 23..<24]] {
            let bits = [6, 2, 3, 8]
            let tokens = groups[groups.count - 1].upperBound
            let x = random.floats(tokens * columns)
            for pool in pools {
                let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: columns)
                buffer.groups = groups
                buffer.quantize(x, tokens: tokens, columns: columns, pool: pool)
                var second = [Float](repeating: .nan, count: tokens * other.rows)
                let first = filled(tokens * rows) { out in
                    second.withUnsafeMutableBufferPointer { otherOut in
                        guard let otherOut = otherOut.baseAddress else { return }
                        let products =
                            zip(groups, bits).map {
                                Product(weights.matrix, bits: $1, output: out + $0.lowerBound * rows)
                            }
                            + zip(groups, bits).map {
                                Product(other.matrix, bits: $1, output: otherOut + $0.lowerBound * other.rows)
                            }
                        multiply(products, buffer, pool: pool)
                    }
                }
                for (group, bits) in zip(groups, bits) where !group.isEmpty {
                    let part = Array(x[group.lowerBound * columns..<group.upperBound * columns])
                    for (all, matrix) in [(first, weights), (second, other)] {
                        let alone = ProductTests.product(matrix, bits: bits, part, tokens: group.count, pool)
                        let got = all[group.lowerBound * matrix.rows..<group.upperBound * matrix.rows]
                        #expect(
                            Array(got) == alone, "\(pool.instructionSet.name), \(group) at \(bits) bits")
                    }
                }
            }
        }
    }
}
