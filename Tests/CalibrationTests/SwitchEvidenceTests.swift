import Calibration
import Storage
import Testing

@Suite struct SwitchEvidenceTests {
    @Test func theLabelIsTheFewestStepsThatAreAsGoodAsAll() {
        func label(_ scores: [Double]) -> Int { SwitchOutcome(scores: scores, bits: [2, 3, 4, 4]).label }
        #expect(label([0.5, 0.5, 0.5, 0.5]) == 0)
        #expect(label([0.1, 0.6, 0.2, 0.5]) == 1)
        #expect(label([0.1, 0.2, 0.3, 0.5]) == 3)
        // Three decimals: 0.4996 counts as 0.5.
        #expect(label([0.4, 0.4996, 0.5, 0.5]) == 1)
        #expect(label([0.4, 0.4994, 0.5, 0.5]) == 2)
    }

    @Test func regretIsAgainstTheBestChoiceOfEveryPrompt() throws {
        let outcomes = [
            SwitchOutcome(scores: [0.5, 0.5, 0.5, 0.5], bits: [2, 2.5, 3, 4]),
            SwitchOutcome(scores: [0.1, 0.2, 0.6, 0.6], bits: [2, 2.6, 3.2, 4]),
        ]
        let evidence = SwitchEvidence(outcomes, chosen: [0, 1], likeliest: [0, 3], prior: [0.5, 0, 0.5, 0])
        func row(_ name: String) throws -> SwitchEvidence.Row { try #require(evidence.rows.first { $0.name == name }) }
        #expect(evidence.accuracy == 0.5)
        #expect(evidence.priorAccuracy == 0.5)
        let high = try row("always high")
        #expect(high.bits == 4 && abs(high.score - 0.55) < 1e-12 && high.difference == 0)
        #expect(abs(high.regretBits - 1.4) < 1e-12 && abs(high.regretScore) < 1e-12)
        let low = try row("always low")
        #expect(low.bits == 2 && abs(low.score - 0.3) < 1e-12 && abs(low.difference + 0.25) < 1e-12)
        // Standard error of 0 and -0.5: s = 0.3536, over the root of two.
        #expect(abs(low.standardError - 0.25) < 1e-12)
        let prior = try row("prior")
        #expect(abs(prior.bits - 2.55) < 1e-12 && abs(prior.score - 0.425) < 1e-12)
        let learned = try row("learned")
        #expect(abs(learned.bits - 2.3) < 1e-12 && abs(learned.regretScore - 0.2) < 1e-12)
        #expect(abs(learned.regretBits + 0.3) < 1e-12)
        #expect(try row("likeliest class").bits == 3)
        let shuffled = try row("same at random")
        #expect(abs(shuffled.bits - 2.275) < 1e-12 && abs(shuffled.score - 0.325) < 1e-12)
        let best = try row("best possible")
        #expect(abs(best.bits - 2.6) < 1e-12 && best.regretBits == 0 && best.regretScore == 0)
    }

    /// 40 prompts of which half need all high-precision steps and lose half of their score with fewer.
    private func outcomes() -> [SwitchOutcome] {
        (0..<40).map { index in
            SwitchOutcome(scores: index % 2 == 0 ? [0.6, 0.6, 0.6, 0.6] : [0.3, 0.3, 0.3, 0.6], bits: [2, 3, 3.5, 4])
        }
    }

    @Test func aClassifierThatKnowsNothingTakesNoRisk() {
        // The likeliest class is 0, and choosing it would cost 0.15 on average.
        let shares = [[Float]](repeating: [0.5, 0.02, 0.02, 0.46], count: 40)
        #expect(SwitchConfidence.calibrate(outcomes(), shares, tolerance: 0.01) > 0.53)
        #expect(SwitchConfidence.calibrate(outcomes(), shares, tolerance: 0.2) == 0)
        let chosen = SwitchConfidence.crossFitted(
            outcomes(), shares, folds: (0..<40).map { $0 % 5 }, tolerance: 0.01)
        #expect(chosen == [Int](repeating: 3, count: 40))
    }

    @Test func aClassifierThatKnowsThePromptsSavesWhereItCan() {
        let shares: [[Float]] = (0..<40).map { $0 % 2 == 0 ? [0.8, 0.05, 0.05, 0.1] : [0.2, 0.05, 0.05, 0.7] }
        let confidence = SwitchConfidence.calibrate(outcomes(), shares, tolerance: 0.01)
        #expect(confidence > 0.29 && confidence < 0.8)
        let chosen = SwitchConfidence.crossFitted(
            outcomes(), shares, folds: (0..<40).map { $0 / 2 % 5 }, tolerance: 0.01)
        #expect(chosen == (0..<40).map { $0 % 2 == 0 ? 0 : 3 })
    }
}
