import Decoding
import Storage
import Testing

/// The same filters written the slow and obvious way.
private struct NaiveSampler {
    var settings: SamplerSettings
    var random: RandomGenerator
    var history: [Int] = []

    init(_ settings: SamplerSettings) {
        self.settings = settings
        random = RandomGenerator(seed: settings.seed)
    }

    /// Probability of every token that survives, in the order in which they are drawn.
    func distribution(_ logits: [Float]) -> [(token: Int, weight: Double)] {
        var adjusted = logits
        for bias in settings.logitBias { adjusted[bias.token] += bias.value }
        let recent = history.suffix(settings.repeatLastN)
        for token in Set(recent) {
            let count = Float(recent.count { $0 == token })
            let penalty = Float(settings.repeatPenalty)
            adjusted[token] = adjusted[token] > 0 ? adjusted[token] / penalty : adjusted[token] * penalty
            adjusted[token] -= count * Float(settings.frequencyPenalty) + Float(settings.presencePenalty)
        }
        let order = adjusted.indices.sorted { (adjusted[$0], $1) > (adjusted[$1], $0) }
        if settings.temperature == 0 { return [(order[0], 1)] }
        var kept = settings.topK > 0 ? Array(order.prefix(settings.topK)) : order
        let largest = Double(adjusted[order[0]])
        func probability(_ token: Int, _ temperature: Double) -> Double {
            exponential((Double(adjusted[token]) - largest) / temperature)
        }
        if settings.topP < 1 {
            let total = kept.reduce(0) { $0 + probability($1, 1) }
            var sum = 0.0
            var count = 0
            for token in kept {
                sum += probability(token, 1)
                count += 1
                if sum >= settings.topP * total { break }
            }
            kept = Array(kept.prefix(count))
        }
        kept = kept.filter { $0 == order[0] || probability($0, 1) >= settings.minP }
        return kept.map { ($0, probability($0, settings.temperature)) }
    }

    mutating func sample(_ logits: [Float]) -> Int {
        var shares = distribution(logits)
        if settings.temperature == 0 {
            history.append(shares[0].token)
            return shares[0].token
        }
        // Without a filter that needs an order, tokens are drawn in the order of their ids.
        if settings.topK == 0 || settings.topK >= logits.count, settings.topP >= 1 {
            shares.sort { $0.token < $1.token }
        }
        var left = random.uniform() * shares.reduce(0) { $0 + $1.weight }
        for share in shares {
            left -= share.weight
            if left < 0 {
                history.append(share.token)
                return share.token
            }
        }
        history.append(shares[shares.count - 1].token)
        return shares[shares.count - 1].token
    }
}

private func randomLogits(_ count: Int, _ random: inout RandomGenerator, spread: Double = 12) -> [Float] {
    (0..<count).map { _ in Float((random.uniform() + random.uniform() + random.uniform() - 1.5) * spread) }
}

extension Sampler {
    fileprivate mutating func sample(_ logits: [Float]) -> Int { logits.withUnsafeBufferPointer { sample($0) } }
}

@Suite struct SamplerTests {
    static let filters: [SamplerSettings] = {
        var all: [SamplerSettings] = []
        func add(_ change: (inout SamplerSettings) -> Void) {
            var settings = SamplerSettings()
            settings.temperature = 1
            settings.topK = 0
            settings.topP = 1
            settings.minP = 0
            settings.seed = UInt64(all.count)
            change(&settings)
            all.append(settings)
        }
        add { _ in }
        add { $0.temperature = 0 }
        add { $0.temperature = 0.3 }
        add { $0.temperature = 3 }
        add { $0.topK = 1 }
        add { $0.topK = 40 }
        add { $0.topK = 100_000 }
        add { $0.topP = 0.5 }
        add { $0.topP = 0.999999 }
        add { $0.topP = 1e-9 }
        add { $0.minP = 0.1 }
        add { $0.minP = 1 }
        add {
            $0.topK = 50
            $0.topP = 0.9
            $0.minP = 0.05
            $0.temperature = 0.8
        }
        add { $0.repeatPenalty = 1.3 }
        add {
            $0.presencePenalty = 0.7
            $0.frequencyPenalty = 0.4
            $0.repeatLastN = 5
        }
        add {
            $0.temperature = 0
            $0.repeatPenalty = 1.5
            $0.repeatLastN = 20
        }
        add { $0.logitBias = [.init(token: 3, value: 9), .init(token: 4, value: -.infinity)] }
        return all
    }()

    @Test(arguments: filters.indices)
    func drawsWhatTheNaiveSamplerDraws(_ index: Int) {
        let settings = SamplerTests.filters[index]
        var random = RandomGenerator(seed: 77)
        var sampler = Sampler(settings)
        var naive = NaiveSampler(settings)
        let prompt = [1, 2, 3, 3, 2, 9]
        sampler.observe(prompt)
        naive.history = prompt
        for _ in 0..<60 {
            let logits = randomLogits(1000, &random)
            #expect(sampler.sample(logits) == naive.sample(logits))
        }
    }

    @Test func equalLogitsPreferTheSmallerId() {
        var settings = SamplerSettings()
        var greedy = Sampler(settings)
        #expect(greedy.sample([1, 5, 5, 2]) == 1)
        settings.temperature = 1
        settings.topK = 1
        var top = Sampler(settings)
        #expect(top.sample([1, 5, 5, 2]) == 1)
    }

    @Test func frequenciesFollowTheSoftmax() {
        var settings = SamplerSettings()
        settings.temperature = 1
        settings.topK = 0
        settings.topP = 1
        settings.minP = 0
        var sampler = Sampler(settings)
        var counts = [0, 0, 0]
        let logits: [Float] = [0, Float(logarithm(2)), Float(logarithm(5))]
        for _ in 0..<80_000 { counts[sampler.sample(logits)] += 1 }
        for (count, share) in zip(counts, [1.0 / 8, 2.0 / 8, 5.0 / 8]) {
            #expect(abs(Double(count) / 80_000 - share) < 0.01)
        }
    }

    @Test func seedsDecideTheDraws() {
        var settings = SamplerSettings()
        settings.temperature = 1.5
        func draws(_ seed: UInt64) -> [Int] {
            settings.seed = seed
            var sampler = Sampler(settings)
            var random = RandomGenerator(seed: 5)
            return (0..<50).map { _ in sampler.sample(randomLogits(1000, &random, spread: 3)) }
        }
        #expect(draws(1) == draws(1))
        #expect(draws(1) != draws(2))
    }

    @Test func generatorGivesThePublishedAlgorithmsNumbers() {
        // splitmix64 from 0 seeds the state e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f, f88bb8a8724c81ec.
        var random = RandomGenerator(seed: 0)
        let first: UInt64 = 0xe220_a839_7b1d_cdaf &+ 0xf88b_b8a8_724c_81ec
        let expected: UInt64 = (first << 23 | first >> 41) &+ 0xe220_a839_7b1d_cdaf
        #expect(random.next() == expected)
    }

    @Test func notANumberIsNeverDrawn() {
        for settings in SamplerTests.filters {
            var sampler = Sampler(settings)
            for _ in 0..<20 { #expect(sampler.sample([.nan, 1, .nan, 0.5, -.infinity, 1]) % 2 == 1) }
        }
    }

    @Test func settingsOutOfRangeAreRefused() throws {
        try SamplerSettings().validate(vocabularySize: 100)
        let changes: [(inout SamplerSettings) -> Void] = [
            { $0.temperature = -1 }, { $0.temperature = .nan }, { $0.temperature = 1e9 }, { $0.topK = -1 },
            { $0.topP = 0 }, { $0.topP = 2 }, { $0.topP = .nan }, { $0.minP = 1.5 }, { $0.repeatPenalty = 0 },
            { $0.presencePenalty = .infinity }, { $0.frequencyPenalty = .nan }, { $0.repeatLastN = -1 },
            { $0.logitBias = [.init(token: 100, value: 0)] }, { $0.logitBias = [.init(token: -1, value: 0)] },
            { $0.logitBias = [.init(token: 1, value: .nan)] }, { $0.logitBias = [.init(token: 1, value: .infinity)] },
        ]
        for change in changes {
            var settings = SamplerSettings()
            change(&settings)
            #expect(throws: TaperError(.usage, "")) { try settings.validate(vocabularySize: 100) }
        }
    }
}
