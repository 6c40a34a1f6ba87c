import Decoding
import Storage
import Testing

/// How many of the largest logits a draw depends on: with the others at minus infinity it is the same.
@Suite struct LeadingLogitsTests {
    private static func settings(_ change: (inout SamplerSettings) -> Void) -> SamplerSettings {
        var settings = SamplerSettings()
        change(&settings)
        return settings
    }

    private static func leading(_ change: (inout SamplerSettings) -> Void) -> Int {
        var sampler = Sampler(settings(change))
        sampler.observe([1, 2, 3, 2])
        return sampler.leadingLogits
    }

    private static func changed(_ change: (inout SamplerSettings) -> Void) -> [Int] {
        var sampler = Sampler(settings(change))
        sampler.observe([1, 2, 3, 2])
        return Set(sampler.changedTokens).sorted()
    }

    @Test func countsWhatTheDrawLooksAt() {
        #expect(Self.leading { _ in } == 1)
        #expect(Self.leading { $0.temperature = 0.7 } == 40)
        #expect(Self.leading { ($0.temperature, $0.topK) = (0.7, 5) } == 5)
        #expect(Self.leading { ($0.temperature, $0.topK) = (0.7, 0) } == .max)
        // Whatever is changed is looked at besides.
        #expect(Self.leading { $0.repeatPenalty = 0.9 } == 1)
        #expect(Self.leading { $0.logitBias = [.init(token: 1, value: 0.5)] } == 1)
    }

    @Test func namesTheTokensThatAreChanged() {
        #expect(Self.changed { _ in } == [])
        #expect(Self.changed { $0.repeatPenalty = 1.2 } == [1, 2, 3])
        #expect(Self.changed { ($0.repeatPenalty, $0.repeatLastN) = (1.2, 2) } == [2, 3])
        #expect(Self.changed { $0.frequencyPenalty = -0.1 } == [1, 2, 3])
        #expect(
            Self.changed { $0.logitBias = [.init(token: 9, value: -.infinity), .init(token: 4, value: 1)] } == [4, 9])
        #expect(Self.changed { ($0.presencePenalty, $0.logitBias) = (1, [.init(token: 9, value: 1)]) } == [1, 2, 3, 9])
    }

    /// Whatever the settings, for random logits.
    @Test(arguments: 0..<40)
    func drawsAreThoseOfAllLogits(_ seed: Int) {
        var random = RandomGenerator(seed: UInt64(seed))
        var settings = SamplerSettings()
        settings.temperature = seed % 4 == 0 ? 0 : 0.8
        settings.topK = [1, 3, 20, 40][seed % 4]
        settings.topP = seed % 3 == 0 ? 1 : 0.9
        settings.minP = seed % 5 == 0 ? 0 : 0.05
        if seed % 2 == 0 { (settings.repeatPenalty, settings.repeatLastN) = (1.5, 8) }
        if seed % 7 == 0 { settings.presencePenalty = 2 }
        if seed % 5 == 1 { (settings.frequencyPenalty, settings.repeatLastN) = (-0.7, 8) }
        if seed % 6 == 0 { settings.logitBias = [.init(token: 5, value: -.infinity), .init(token: 9, value: 4)] }
        settings.seed = UInt64(seed)
        var (all, some) = (Sampler(settings), Sampler(settings))
        for sampler in 0..<2 { sampler == 0 ? all.observe([5, 7, 200]) : some.observe([5, 7, 200]) }
        for _ in 0..<50 {
            // Some are equal.
            let logits = (0..<400).map { _ in Float((random.uniform() * 60).rounded()) / 5 - 4 }
            let (count, changed) = (some.leadingLogits, Set(some.changedTokens))
            let order = logits.indices.filter { !changed.contains($0) }.sorted {
                (logits[$1], $0) < (logits[$0], $1)
            }
            var left = [Float](repeating: -.infinity, count: 400)
            for index in changed { left[index] = logits[index] }
            // As a screen leaves them: all that reach the last one.
            for index in order where logits[index] >= logits[order[min(count, order.count) - 1]] {
                left[index] = logits[index]
            }
            var whole = logits
            let expected = whole.withUnsafeMutableBufferPointer { all.sample($0) }
            let found = left.withUnsafeMutableBufferPointer { some.sample($0) }
            #expect(found == expected)
        }
    }
}
