import Model
import Reference
import Storage
import Testing

@Suite struct GradientModelTests {
    static func model(_ family: String, seed: UInt64 = 1, threads: Int = 2) throws -> GradientModel {
        try GradientModel(RandomModels.source(RandomModels.config(family), seed: seed), threads: threads)
    }

    @Test(arguments: RandomModels.families)
    func logitsAreThoseOfTheReferenceModel(family: String) throws {
        let model = try Self.model(family)
        let source = RandomModels.source(model.config, seed: 1)
        let tokens = RandomModels.tokens(150, model.config)
        let expected = try ReferenceModel(source, residency: .streamed, threads: 1).logits(tokens)
        #expect(try model.logits(tokens) == expected)
    }

    /// Central differences along the gradient itself, whose slope is its length, and along single elements: the largest
    /// and three others. Logits are floats, so a difference over 2h is right to about 1e-4.
    @Test(arguments: RandomModels.families)
    func gradientsAreFiniteDifferences(family: String) throws {
        let model = try Self.model(family)
        let tokens = RandomModels.tokens(family == "mistral" ? 140 : 11, model.config)
        let loss = model.crossEntropyLoss(tokens)
        let gradients = try model.gradients(tokens).values
        #expect(Set(gradients.keys) == Set(model.config.tensorRequirements().map(\.name)))
        func slope(_ name: String, _ direction: [Float], step: Float) throws -> Double {
            let saved = try model.withWeights(name) { Array($0) }
            var losses: [Double] = []
            for sign in [Float(1), -1] {
                try model.withWeights(name) { weights in
                    for index in weights.indices { weights[index] = saved[index] + sign * step * direction[index] }
                }
                losses.append(try model.value(tokens, loss))
            }
            try model.withWeights(name) { weights in _ = weights.update(from: saved) }
            return (losses[0] - losses[1]) / Double(2 * step)
        }
        var random = SplitMix64(state: 3)
        for (name, gradient) in gradients.sorted(by: { $0.key < $1.key }) {
            let length = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            // What all keys share moves no score, unless it turns.
            let turnsWhole = model.config.layers.allSatisfy { $0.rotation?.size == model.config.headSize }
            let isKeyBias = name.hasSuffix("k_proj.bias") && !turnsWhole
            try #require(length > 1e-4 || isKeyBias, "\(family) \(name) has no gradient to compare")
            // Short steps where the loss is steep: there it is also bent.
            let step = 0.01 / max(1, length)
            let along = try slope(name, gradient.map { $0 / length }, step: step)
            #expect(abs(along - Double(length)) < 2e-4 + 0.01 * Double(length), "\(family) \(name): whole")
            var elements = (0..<3).map { _ in Int(random.next() % UInt64(gradient.count)) }
            elements += gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }.map { [$0] } ?? []
            for element in elements {
                var direction = [Float](repeating: 0, count: gradient.count)
                direction[element] = 1
                let expected = try slope(name, direction, step: step)
                #expect(
                    abs(Double(gradient[element]) - expected) < 2e-4 + 0.02 * abs(expected),
                    "\(family) \(name)[\(element)]")
            }
        }
    }

    @Test func distillationGradientIsAFiniteDifference() throws {
        let model = try Self.model("llama")
        let tokens = RandomModels.tokens(20, model.config)
        let reference = try Self.model("llama", seed: 2).logits(tokens)
        try reference.withUnsafeBufferPointer { reference in
            let loss = model.distillationLoss(reference)
            let (value, gradients) = try model.gradients(tokens, loss: loss)
            let vocabulary = model.config.vocabularySize
            let logits = try model.logits(tokens)
            let exact = (0..<tokens.count).map { token in
                let row = token * vocabulary..<(token + 1) * vocabulary
                return Self.divergence(reference[row].map(Double.init), logits[row].map(Double.init))
            }
            #expect(abs(value - exact.reduce(0, +) / Double(tokens.count)) < 1e-6)
            for name in model.linearLayers.map(\.name) {
                let gradient = try #require(gradients[name])
                let length = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
                var losses: [Double] = []
                for step in [Float(0.01), -0.02, 0.01] {
                    try model.withWeights(name) {
                        for index in $0.indices { $0[index] += step * gradient[index] / length }
                    }
                    losses.append(try model.value(tokens, loss))
                }
                #expect(abs((losses[0] - losses[1]) / 0.02 - Double(length)) < 2e-4 + 0.01 * Double(length), "\(name)")
            }
        }
    }

    /// KL divergence of softmaxes.
    static func divergence(_ reference: [Double], _ logits: [Double]) -> Double {
        func logSum(_ x: [Double]) -> Double { Storage.logarithm(x.reduce(0) { $0 + Storage.exponential($1) }) }
        let (a, b) = (logSum(reference), logSum(logits))
        return zip(reference, logits).reduce(0) { $0 + Storage.exponential($1.0 - a) * ($1.0 - a - $1.1 + b) }
    }

    @Test func identicalLogitsHaveNoDivergenceAndNoGradient() throws {
        let model = try Self.model("qwen2")
        let tokens = RandomModels.tokens(33, model.config)
        let reference = try model.logits(tokens)
        try reference.withUnsafeBufferPointer { reference in
            let (loss, gradients) = try model.gradients(tokens, loss: model.distillationLoss(reference))
            #expect(loss == 0)
            for (name, gradient) in gradients { #expect(gradient.allSatisfy { $0 == 0 }, "\(name)") }
        }
    }

    /// Sizes at which products are divided among threads; see `BLAS`.
    @Test func gradientsDoNotDependOnTheNumberOfThreads() throws {
        var config = RandomModels.config("llama")
        config.hiddenSize = 136
        config.intermediateSize = 552
        config.vocabularySize = 1200
        config.headSize = 32
        let source = RandomModels.source(config, seed: 4)
        let tokens = RandomModels.tokens(200, config)
        let expected = try GradientModel(source, threads: 1).gradients(tokens)
        for threads in [2, 3, 5] {
            let found = try GradientModel(source, threads: threads).gradients(tokens)
            #expect(found.loss == expected.loss)
            for (name, values) in expected.values { #expect(found.values[name] == values, "\(name), \(threads)") }
        }
    }

    @Test func unwantedGradientsAreNotComputedButTheirFactorsAreReported() throws {
        let model = try Self.model("phi")
        let tokens = RandomModels.tokens(9, model.config)
        let gradients = try model.gradients(tokens).values
        var order: [String] = []
        _ = try model.step(tokens, loss: model.crossEntropyLoss(tokens), wanted: { _ in false }) { gradient in
            order.append(gradient.name)
            #expect(gradient.values.isEmpty)
            let (columns, rows) = (gradient.input.count / tokens.count, gradient.outputGradient.count / tokens.count)
            guard let expected = gradients[gradient.name], expected.count == rows * columns else {
                Issue.record("\(gradient.name): \(rows) rows, \(columns) columns")
                return
            }
            for index in stride(from: 0, to: expected.count, by: 17) {
                let product = tokens.indices.reduce(Float(0)) { sum, token in
                    sum + gradient.outputGradient[token * rows + index / columns]
                        * gradient.input[token * columns + index % columns]
                }
                #expect(abs(product - expected[index]) < 1e-5)
            }
        }
        #expect(order == [TensorName.head] + model.linearLayers.map(\.name).reversed())
    }

    @Test func stepsReuseTheirMemoryWithoutLeavingAnythingBehind() throws {
        let model = try Self.model("stablelm")
        let short = RandomModels.tokens(6, model.config)
        let before = try model.gradients(short)
        _ = try model.gradients(RandomModels.tokens(140, model.config, seed: 8))
        let after = try model.gradients(short)
        #expect(before.loss == after.loss && before.values == after.values)
    }

    @Test func replacedWeightsAreUsed() throws {
        let model = try Self.model("llama")
        let tokens = RandomModels.tokens(5, model.config)
        let before = try model.logits(tokens)
        let name = TensorName.weight(.down, layer: 1)
        let other = try Self.model("llama", seed: 9)
        let replacement = try other.withWeights(name) { Array($0) }
        try model.withWeights(name) { _ = $0.update(from: replacement) }
        let expected = RandomModels.source(model.config, seed: 1).replacing { asked throws(TaperError) in
            asked == name ? replacement : nil
        }
        let after = try model.logits(tokens)
        #expect(after != before)
        #expect(after == (try ReferenceModel(expected, residency: .resident, threads: 1).logits(tokens)))
    }

    /// Embedding and head that are read in rows, of their own and tied, in both precisions: as those of a model made of them.
    @Test(arguments: ["mistral", "llama"], [FloatPrecision.single, .fastest])
    func tablesThatAreReadInRowsAreUsed(family: String, precision: FloatPrecision) throws {
        let source = RandomModels.source(RandomModels.config(family), seed: 1)
        let other = RandomModels.source(source.config, seed: 9)
        let names = [TensorName.embedding, source.config.headName]
        let tokens = RandomModels.tokens(9, source.config)
        let model = try GradientModel(source, threads: 2, precision: precision)
        let before = try model.logits(tokens)
        for name in Set(names) {
            let values = try other.read(name)
            let width = source.config.hiddenSize
            model.replace(name) { asked, rows in
                #expect(asked == name)
                return Array(values[rows.lowerBound * width..<rows.upperBound * width])
            }
        }
        let expected = try GradientModel(
            source.replacing { name throws(TaperError) in names.contains(name) ? try other.read(name) : nil },
            threads: 1, precision: precision)
        let after = try model.logits(tokens)
        #expect(after != before)
        #expect(after == (try expected.logits(tokens)))
        for name in names { #expect(try model.withWeights(name) { Array($0) } == other.read(name)) }
    }

    /// 16.8 million weights are one piece of 699,050 rows and one of what is left.
    @Test(arguments: [FloatPrecision.single, .fastest])
    func aHeadOfSeveralPiecesIsOne(precision: FloatPrecision) throws {
        var config = RandomModels.config("mistral")
        config.vocabularySize = 700_001
        let width = config.hiddenSize
        let source = RandomModels.source(config, seed: 1)
        let head = (0..<config.vocabularySize * width).map { Float($0 % 1013) / 1013 - 0.5 }
        let model = try GradientModel(source, threads: 2, precision: precision)
        var ranges: [Range<Int>] = []
        model.replace(config.headName) { _, rows in
            ranges.append(rows)
            return Array(head[rows.lowerBound * width..<rows.upperBound * width])
        }
        let expected = try GradientModel(
            source.replacing { name throws(TaperError) in name == config.headName ? head : nil }, threads: 2,
            precision: precision)
        #expect(try model.logits([3, 1]) == (try expected.logits([3, 1])))
        #expect(ranges == [0..<699_050, 699_050..<700_001])
    }

    @Test func fisherIsTheSumOfSquaredGradients() throws {
        let model = try Self.model("mistral")
        let sequences = [12, 7].map { RandomModels.tokens($0, model.config, seed: UInt64($0)) }
        let gradients = try sequences.map { try model.gradients($0).values }
        let fisher = try model.fisher(sequences)
        #expect(Set(fisher.keys) == Set(model.linearLayers.map(\.name)))
        for (name, values) in fisher {
            let (a, b) = (try #require(gradients[0][name]), try #require(gradients[1][name]))
            #expect(values == zip(a, b).map { $0 * $0 + $1 * $1 }, "\(name)")
        }
        let embedding = try model.fisher(sequences, tensors: [TensorName.embedding])
        #expect(embedding.keys.sorted() == [TensorName.embedding])
    }

    @Test func refusesSequencesItCannotRead() throws {
        let model = try Self.model("llama")
        for tokens in [[], [Int](repeating: 1, count: 257), [1, 37], [-1]] {
            #expect(throws: TaperError.self) { try model.gradients(tokens) }
            #expect(throws: TaperError.self) { try model.logits(tokens) }
        }
    }

    @Test func refusesTensorsOfAnotherSize() throws {
        let config = RandomModels.config("llama")
        let source = RandomModels.source(config, seed: 1).replacing { name throws(TaperError) in
            name == TensorName.finalNorm ? [1, 2, 3] : nil
        }
        #expect(throws: TaperError.self) { try GradientModel(source, threads: 1) }
    }
}
