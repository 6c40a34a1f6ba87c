import Storage
import Testing

@Suite struct RandomGeneratorTests {
    /// The first outputs of the authors' splitmix64.c from state 1234567.
    @Test func splitMixGivesThePublishedSequence() {
        var random = SplitMix64(state: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func streamsOfASeedDiffer() {
        var first = SplitMix64(seed: 7, stream: 0)
        var second = SplitMix64(seed: 7, stream: 1)
        var again = SplitMix64(seed: 7, stream: 0)
        let numbers = (0..<8).map { _ in first.next() }
        #expect(numbers == (0..<8).map { _ in again.next() })
        #expect(Set(numbers).isDisjoint(with: (0..<8).map { _ in second.next() }))
    }

    @Test func uniformNumbersFillTheUnitInterval() {
        var random = RandomGenerator(seed: 3)
        let numbers = (0..<4096).map { _ in random.uniform() }
        #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(numbers.reduce(0, +) / 4096 - 0.5) < 0.02 && (numbers.max() ?? 0) > 0.99)
    }
}
