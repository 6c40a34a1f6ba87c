import Decoding
import Model
import Testing

@Suite struct DraftPolicyTests {
    private func policy() -> DraftPolicy { DraftPolicy(draftBits: 2, bits: 8) }

    @Test func draftsThatAreRightAreContinued() {
        var policy = policy()
        for _ in 0..<50 {
            policy.drafted(seconds: 0.2)
            policy.verified([9, 9, 9, 9], accepted: 4, tokens: 5, draftSeconds: 0.8, seconds: 1.1)
        }
        #expect(policy.probability(9) > 0.95)
        let begins = policy.begins()
        #expect(begins && policy.continues(after: 0.9) && !policy.continues(after: 0.1))
    }

    /// Where nothing is right nearly all steps are plain, and now and then one looks again.
    @Test func draftsThatAreWrongAreLeft() {
        var policy = policy()
        var begun = 0
        for _ in 0..<400 {
            if policy.begins() {
                begun += 1
                policy.drafted(seconds: 0.5)
                policy.verified([2], accepted: 0, tokens: 1, draftSeconds: 0.5, seconds: 1)
            } else {
                policy.verified([], accepted: 0, tokens: 1, draftSeconds: 0, seconds: 1)
            }
        }
        #expect(begun >= 10 && begun < 60, "\(begun)")
    }

    @Test func repetitionsAreTakenWhileTheyHold() {
        var policy = policy()
        let start = policy.repeatedCount(limit: 7)
        #expect(start > 0)
        for _ in 0..<60 {
            policy.verified([DraftPolicy.repeatedBin], accepted: 0, tokens: 1, draftSeconds: 0, seconds: 1)
        }
        #expect(policy.repeatedCount(limit: 7) < start)
        for _ in 0..<60 {
            policy.verified(
                [Int](repeating: DraftPolicy.repeatedBin, count: 7), accepted: 7, tokens: 8, draftSeconds: 0,
                seconds: 1.3)
        }
        #expect(policy.repeatedCount(limit: 7) == 7 && policy.repeatedCount(limit: 3) == 3)
    }

    @Test func marginsOfEveryLength() {
        for count in [2, 5, 16, 17, 33, 100, 1000] {
            var random = UInt64(count)
            var logits = (0..<count).map { _ in
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(random >> 40) / Float(1 << 20)
            }
            let sorted = logits.sorted(by: >)
            let found = logits.withUnsafeMutableBufferPointer { margin($0) }
            #expect(found == sorted[0] - sorted[1], "\(count)")
        }
        var equal: [Float] = [3, 1, 3]
        #expect(equal.withUnsafeMutableBufferPointer { margin($0) } == 0)
        // All but one may be left out.
        var alone: [Float] = [-.infinity, 2, -.infinity]
        #expect(alone.withUnsafeMutableBufferPointer { margin($0) } == .infinity)
        #expect(DraftPolicy.bin(margin: .infinity) == 15 && DraftPolicy.bin(margin: .nan) == 0)
    }
}
