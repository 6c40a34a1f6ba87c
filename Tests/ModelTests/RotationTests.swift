import Model
import Storage
import Testing

@Suite struct RotationTests {
    struct Case: Sendable {
        let rotation: Rotation
        /// Pair and turn per position, in radians.
        let expected: [(pair: Int, frequency: Double)]
    }

    /// Values of a Python script that follows section 3.2 of the paper (arXiv 2309.00071): with f(i) = theta^(-2i / size) it finds
    /// the pairs that turn beta_fast and beta_slow times within the original context by bisection on context f(i) / 2 pi, not by
    /// their closed form, rounds them down and up where `truncate` says so, and mixes f and f / factor along the ramp between.
    static let cases = [
        Case(
            rotation: Rotation(theta: 1e4, size: 128, scaling: .yarn(YaRN(factor: 4, originalContext: 4096))),
            expected: [
                (0, 1), (1, 0.8659643233600653), (16, 0.1), (21, 0.047292038501684786), (32, 0.006538461538461538),
                (42, 0.0008664634693763741), (63, 2.8869549617236455e-05),
            ]),
        Case(
            rotation: Rotation(theta: 1e6, size: 64, scaling: .yarn(YaRN(factor: 8, originalContext: 32768))),
            expected: [
                (1, 0.6493816315762113), (8, 0.03162277660168379), (10, 0.01333521432163324),
                (16, 0.0005138888888888888), (21, 1.4434774808618228e-05), (31, 1.924908157574365e-07),
            ]),
        // Ends that stand between pairs.
        Case(
            rotation: Rotation(
                theta: 1e4, size: 16,
                scaling: .yarn(
                    YaRN(factor: 4, originalContext: 64, betaFast: 4, betaSlow: 0.25, truncates: false))),
            expected: [
                (0, 1), (1, 0.2977011565702056), (2, 0.06299829579325598), (4, 0.0025), (5, 0.0007905694150420948),
                (7, 7.905694150420948e-05),
            ]),
        // Both ends before the first pair: the ramp falls and nothing is divided, as in other software.
        Case(
            rotation: Rotation(
                theta: 5e5, size: 32,
                scaling: .yarn(YaRN(factor: 2, originalContext: 100, betaFast: 50, betaSlow: 49))),
            expected: [
                (0, 1), (1, 0.44036660267178046), (4, 0.03760603093086393), (15, 4.5416704806078695e-06),
            ]),
    ]

    @Test(arguments: cases) func yarnDividesWhatTurnsRarely(_ item: Case) {
        let found = item.rotation.frequencies()
        #expect(found.count == item.rotation.size / 2)
        for (pair, frequency) in item.expected {
            #expect(abs(found[pair] / frequency - 1) < 1e-12, "pair \(pair): \(found[pair])")
        }
    }

    /// 0.1 ln(4) + 1 and 0.1 ln(40) + 1 (eq. 22).
    @Test func yarnSharpensScores() {
        let yarn = YaRN(factor: 4, originalContext: 64)
        #expect(abs(yarn.attentionFactor - 1.138629436111989) < 1e-15)
        #expect(abs(YaRN.sharpening(40) - 1.3688879454113936) < 1e-15)
        #expect(YaRN.sharpening(1) == 1 && YaRN.sharpening(0.5) == 1 && YaRN.sharpening(40, scale: 0) == 1)
        #expect(Rotation(theta: 1e4, size: 8, scaling: .yarn(yarn)).magnitude == yarn.attentionFactor)
        #expect(Rotation(theta: 1e4, size: 8, scaling: .linear(factor: 4)).magnitude == 1)
    }

    @Test func linearScalingDividesEveryFrequency() {
        let plain = Rotation(theta: 1e4, size: 16)
        #expect(abs(plain.frequencies()[4] - 0.01) < 1e-15)
        let scaled = Rotation(theta: 1e4, size: 16, scaling: .linear(factor: 4)).frequencies()
        for (slow, fast) in zip(scaled, plain.frequencies()) { #expect(slow == fast / 4) }
    }

    @Test(arguments: [
        Rotation(theta: 1e4, size: 16), Rotation(theta: 1.5, size: 2),
        Rotation(theta: 1e4, size: 16, scaling: .linear(factor: 1e-6)),
        Rotation(
            theta: 1e4, size: 16,
            scaling: .llama3(factor: 1e9, lowFrequency: 1e-6, highFrequency: 2e-6, originalContext: 1e9)),
        Rotation(
            theta: 1.0000000000000002, size: 16,
            scaling: .yarn(YaRN(factor: 1e-6, originalContext: 1e9, betaFast: 2e-6, betaSlow: 1e-6))),
        Rotation(
            theta: 1e308, size: 16,
            scaling: .yarn(YaRN(factor: 1e9, originalContext: 1e-6, betaFast: 1e9, betaSlow: 1, truncates: false))),
    ])
    func whatIsAcceptedGivesNumbers(_ rotation: Rotation) throws {
        try rotation.validate(headSize: 16, place: "t")
        #expect(rotation.frequencies().allSatisfy { $0.isFinite && $0 >= 0 })
        #expect(rotation.magnitude.isFinite)
    }

    @Test(arguments: [
        (Rotation(theta: 1e4, size: 0), "even"), (Rotation(theta: 1e4, size: 7), "even"),
        (Rotation(theta: 1e4, size: 18), "at most head_dim"), (Rotation(theta: 1, size: 8), "rope_theta"),
        (Rotation(theta: .infinity, size: 8), "rope_theta"), (Rotation(theta: .nan, size: 8), "rope_theta"),
        (Rotation(theta: 1e4, size: 8, scaling: .linear(factor: 0)), "factor"),
        (Rotation(theta: 1e4, size: 8, scaling: .linear(factor: .nan)), "factor"),
        (Rotation(theta: 1e4, size: 8, scaling: .linear(factor: 1.1e9)), "factor"),
        (
            Rotation(
                theta: 1e4, size: 8,
                scaling: .llama3(factor: 8, lowFrequency: 4, highFrequency: 4, originalContext: 64)),
            "more than low_freq_factor, 4"
        ),
        (
            Rotation(theta: 1e4, size: 8, scaling: .yarn(YaRN(factor: 4, originalContext: 0))),
            "original_max_position_embeddings"
        ),
        (
            Rotation(theta: 1e4, size: 8, scaling: .yarn(YaRN(factor: 4, originalContext: 64, betaFast: 1))),
            "more than beta_slow, 1"
        ),
        (
            Rotation(theta: 1e4, size: 8, scaling: .yarn(YaRN(factor: 4, originalContext: 64, betaSlow: -1))),
            "beta_slow"
        ),
        (
            Rotation(theta: 1e4, size: 8, scaling: .yarn(YaRN(factor: 4, originalContext: 64, attentionFactor: 0))),
            "attention_factor"
        ),
    ])
    func impossibleOnesAreRefusedByName(_ rotation: Rotation, _ says: String) throws {
        let error = try #require(throws: TaperError.self) { try rotation.validate(headSize: 16, place: "here") }
        #expect(error.code == .badData && error.message.contains(says), "\(error.message)")
        #expect(error.message.contains("here"))
    }
}
