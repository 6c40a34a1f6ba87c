public import Model
import Storage

/// The precisions of an answer's decode steps in another order: what an order is worth shows against the same bits reversed and
/// dealt at random.
///
/// How many steps an answer takes is not known before it is written, so precisions are those of the answer that the controlled
/// method wrote to the same prompt. An answer that comes out longer goes on: reversed at its last precision, dealt with draws of
/// the same shares.
public struct StepOrder: Sendable {
    private let ordered: [Precision]
    /// Of draws behind the end; nil of reversed ones.
    private let seed: UInt64?

    /// Low first where the method's was high first.
    public init(reversing bits: [Precision]) {
        ordered = bits.reversed()
        seed = nil
    }

    /// Shuffled by Fisher and Yates: one of several deals, the same whenever it is asked for.
    public init(dealing bits: [Precision], example: Int, sample: Int, deal: Int) {
        // Steps take the lowest 24 bits, samples 10 and deals 6.
        let seed = UInt64(example) << 40 | UInt64(deal) << 34 | UInt64(sample) << 24
        var generator = RandomGenerator(seed: seed)
        var cards = bits
        for place in cards.indices.dropFirst().reversed() {
            cards.swapAt(place, Int(generator.next() % UInt64(place + 1)))
        }
        ordered = cards
        self.seed = seed
    }

    public static let mostDeals = 63

    /// - Returns: nil where the controlled answer took no step at all.
    public func bits(atStep step: Int) -> Precision? {
        if step < ordered.count { return ordered[step] }
        guard let seed, !ordered.isEmpty else { return ordered.last }
        var generator = RandomGenerator(seed: seed + UInt64(step) + 1)
        return ordered[Int(generator.next() % UInt64(ordered.count))]
    }
}
