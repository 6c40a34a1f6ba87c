import Storage
import Testing
import Text

/// Searching against a search that tries every place.
@Suite struct BytePatternTests {
    private func naiveStarts(_ pattern: [UInt8], in text: [UInt8]) -> [Int] {
        var starts: [Int] = []
        var at = 0
        while at + pattern.count <= text.count {
            if Array(text[at..<at + pattern.count]) == pattern {
                starts.append(at)
                at += pattern.count
            } else {
                at += 1
            }
        }
        return starts
    }

    @Test func matchesAreThoseOfASearchAtEveryPlace() {
        var random = SplitMix64(seed: 7, stream: 0)
        for _ in 0..<2000 {
            // Two letters, so that patterns overlap themselves and nearly match everywhere.
            func text(_ limit: UInt64) -> [UInt8] {
                (0..<1 + Int(random.next() % limit)).map { _ in UInt8(0x61 + random.next() % 2) }
            }
            let (pattern, text) = (text(6), text(60))
            let found = BytePattern(pattern)
            #expect(found.starts(in: text[...]) == naiveStarts(pattern, in: text))
            let last = (0...max(0, text.count - pattern.count)).last {
                $0 + pattern.count <= text.count && Array(text[$0..<$0 + pattern.count]) == pattern
            }
            #expect(found.lastStart(in: text) == last)
        }
    }

    @Test func aSliceKeepsItsPlaces() {
        let text = Array("xxabab".utf8)
        #expect(BytePattern(Array("ab".utf8)).starts(in: text[2...]) == [2, 4])
        #expect(BytePattern(Array("xa".utf8)).starts(in: text[2...]).isEmpty)
    }
}
