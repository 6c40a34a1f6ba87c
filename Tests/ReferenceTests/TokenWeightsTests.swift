import Model
import Reference
import Storage
import Testing

@Suite struct TokenWeightsTests {
    private static func sequences(_ model: GradientModel) -> [[Int]] {
        RandomModels.tokens(5, model.config).map { [$0] }
    }

    /// A position alone in its sequence: the gradient of the weights is dy x^T, so its square is that of dy times that of x.
    @Test(arguments: RandomModels.families)
    func weightsAreSquaredGradientsOfTheOutputs(family: String) throws {
        let model = try GradientModelTests.model(family)
        let sequences = Self.sequences(model)
        let weights = try model.tokenWeights(sequences, seed: 9)
        for layer in 0..<model.config.layerCount {
            let name = TensorName.weight(.down, layer: layer)
            var expected: [Double] = []
            for (index, tokens) in sequences.enumerated() {
                let probe = model.curvatureProbe(seed: 9 &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
                _ = try model.step(tokens, loss: probe, wanted: { $0 == name }) { gradient in
                    guard gradient.name == name else { return }
                    let square = gradient.values.reduce(0.0) { $0 + Double($1) * Double($1) }
                    expected.append(square / gradient.input.reduce(0.0) { $0 + Double($1) * Double($1) })
                }
            }
            let mean = expected.reduce(0, +) / Double(expected.count)
            let found = try #require(weights.weights(.down, layer: layer, from: 0, count: sequences.count))
            for (a, b) in zip(found, expected) { #expect(abs(Double(a) - b / mean) < 1e-3, "\(family) \(layer)") }
        }
    }

    @Test func hessiansAreSumsOfWeightedPositions() throws {
        let model = try GradientModelTests.model("llama")
        let reference = try ReferenceModel(
            RandomModels.source(model.config, seed: 1), residency: .streamed, threads: 2)
        let sequences = Self.sequences(model)
        let weights = try model.tokenWeights(sequences, seed: 2)
        let layers = Set(0..<model.config.layerCount)
        var sums: [Int: [TensorName.Part: [Float]]] = [:]
        for (index, tokens) in sequences.enumerated() {
            try reference.inputHessians([tokens], wanted: layers) { layer, hessians in
                for part in [TensorName.Part.query, .attentionOutput, .up, .down] {
                    guard let own = weights.weights(part, layer: layer, from: index, count: 1)?.first,
                        let hessian = hessians[part]
                    else { continue }
                    let before = sums[layer]?[part] ?? hessian.values.map { _ in 0 }
                    sums[layer, default: [:]][part] = zip(before, hessian.values).map {
                        $0 + own * $1 / Float(sequences.count)
                    }
                }
            }
        }
        var compared = 0
        try reference.inputHessians(sequences, wanted: layers, weights: weights) { layer, hessians in
            for (part, expected) in sums[layer] ?? [:] {
                let largest = expected.map { abs($0) }.max() ?? 0
                let found = hessians[part]?.values ?? []
                #expect(found.count == expected.count)
                for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-5 * largest) }
                compared += 1
            }
            #expect(hessians[.gate]?.values == hessians[.up]?.values)
        }
        #expect(compared == 4 * model.config.layerCount)
    }

    /// The mean of (G . d)^2 / 2 over draws is the divergence that a small change d of weights makes.
    @Test func theProbeMeasuresDivergence() throws {
        let model = try GradientModelTests.model("llama")
        let tokens = RandomModels.tokens(11, model.config)
        let name = TensorName.weight(.up, layer: 0)
        var random = SplitMix64(state: 4)
        let before = try model.logits(tokens)
        let saved = try model.withWeights(name) { Array($0) }
        let change = saved.map { _ in 2e-3 * random.unit() }
        var squares = 0.0
        let draws = 400
        for draw in 0..<draws {
            let probe = model.curvatureProbe(seed: UInt64(draw) &* 7919)
            _ = try model.step(tokens, loss: probe, wanted: { $0 == name }) { gradient in
                guard gradient.name == name else { return }
                let slope = zip(gradient.values, change).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                squares += slope * slope
            }
        }
        try model.withWeights(name) { weights in for index in weights.indices { weights[index] += change[index] } }
        let divergence =
            try before.withUnsafeBufferPointer { try model.value(tokens, model.distillationLoss($0)) }
            * Double(tokens.count)
        #expect(abs(squares / Double(2 * draws) / divergence - 1) < 0.3)
    }

    @Test func storedWeightsComeBackAndThoseOfAnotherModelDoNot() throws {
        let model = try GradientModelTests.model("qwen2")
        let sequences = Self.sequences(model)
        let weights = try model.tokenWeights(sequences, seed: 2)
        let layers = model.config.layerCount
        let again = try TokenWeights(bytes: weights.bytes, layers: layers)
        #expect(again.bytes == weights.bytes)
        #expect(
            again.weights(.up, layer: 1, from: 0, count: 5).map(Array.init)
                == weights.weights(.up, layer: 1, from: 0, count: 5).map(Array.init))
        #expect(throws: TaperError.self) { _ = try TokenWeights(bytes: weights.bytes, layers: layers + 1) }
        #expect(throws: TaperError.self) {
            _ = try TokenWeights(bytes: Array(weights.bytes.dropLast(3)), layers: layers)
        }
    }
}
