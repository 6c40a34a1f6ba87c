import Decoding
import Storage
import Testing

@Suite struct LoopWatchTests {
    private func verdicts(_ tokens: [Int], _ watch: inout LoopWatch) -> [LoopWatch.Verdict] {
        tokens.map { watch.append($0) }
    }

    @Test(arguments: [1, 2, 3, 7, 12, 30, 64, 127]) func aBlockThatComesAgainIsALoop(_ length: Int) {
        var watch = LoopWatch()
        let start = (0..<40).map { 1000 + $0 }
        let block = (0..<length).map { 5 + 3 * $0 }
        #expect(verdicts(start, &watch).allSatisfy { $0 == .free })
        var all: [LoopWatch.Verdict] = []
        while all.last != .loop && all.count < 1000 { all += block.map { watch.append($0) } }
        let found = all.firstIndex(of: .loop) ?? 0
        // A block, and what repeats it: two blocks more, or 48 tokens.
        #expect(found == length + max(LoopWatch.proof, 2 * length) - 1)
        #expect(all[..<(length + LoopWatch.suspicion - 1)].allSatisfy { $0 == .free })
        #expect(all[(length + LoopWatch.suspicion - 1)..<found].allSatisfy { $0 == .suspect })
    }

    @Test func theSameLoopIsFoundOnce() {
        var watch = LoopWatch()
        let block = [4, 9, 2, 8, 8]
        let tokens = (0..<40).flatMap { _ in block }
        #expect(verdicts(tokens, &watch).filter { $0 == .loop }.count == 1)
        // From elsewhere in the block, after other text.
        #expect(!verdicts((0..<50).map { 70 + $0 } + tokens.dropFirst(2), &watch).contains(.loop))
        watch.restart([1, 2, 3])
        #expect(verdicts(tokens, &watch).allSatisfy { $0 == .free })
        // Another loop is another.
        #expect(verdicts((0..<40).flatMap { _ in [4, 9, 2, 8, 7] }, &watch).filter { $0 == .loop }.count == 1)
    }

    @Test func textThatMovesOnIsFree() {
        var watch = LoopWatch()
        var random = SplitMix64(seed: 3, stream: 0)
        let tokens = (0..<5000).map { _ in Int(random.next() % 50) }
        #expect(verdicts(tokens, &watch).allSatisfy { $0 == .free })
        // Eleven tokens again are no suspicion.
        var again = LoopWatch()
        let part = (0..<11).map { 100 + $0 }
        #expect(verdicts(part + part + [1], &again).allSatisfy { $0 == .free })
    }

    /// After a restart the watch is where it would be with this text alone.
    @Test func aRestartIsAFreshBeginning() {
        var (one, other) = (LoopWatch(), LoopWatch())
        let tokens = (0..<30).map { $0 % 7 }
        _ = verdicts((0..<90).map { $0 % 3 }, &one)
        one.restart(tokens)
        _ = verdicts(tokens, &other)
        #expect(verdicts([2, 3, 4, 5, 6, 0, 1], &one) == verdicts([2, 3, 4, 5, 6, 0, 1], &other))
    }
}
