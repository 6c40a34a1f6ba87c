import Decoding
import Testing

@Suite struct TextLookupTests {
    @Test func findsWhatFollowedTheLatestTime() {
        var lookup = TextLookup()
        #expect(lookup.find([1, 2], []) == nil)
        #expect(lookup.find([1, 2, 3], [4, 5]) == nil)
        // 1 2 3 was last at 0 ..< 3 and is so again at the end.
        #expect(lookup.find([1, 2, 3], [4, 5, 1, 2, 3]) == 3)
        #expect(lookup.find([1, 2, 3], [4, 5, 1, 2, 3, 9, 1, 2, 3]) == 8)
        #expect(lookup.find([1, 2, 3], [4, 5, 1, 2, 3, 9, 1, 2, 3, 7]) == nil)
    }

    /// What is found has been there; where hashes meet something may be missed.
    @Test func whatIsFoundHasBeenThere() {
        var (prompt, tokens): ([Int], [Int]) = ([], [])
        var random: UInt64 = 7
        var lookup = TextLookup()
        var found = 0
        for step in 0..<20_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let token = Int(random >> 60)
            if step < 100 { prompt.append(token) } else { tokens.append(token) }
            guard step > 1000, step % 50 == 0 else { continue }
            let all = prompt + tokens
            guard let place = lookup.find(prompt, tokens) else { continue }
            found += 1
            #expect(all[place - 3..<place] == all[all.count - 3..<all.count] && place < all.count)
        }
        // Of 4096 triples nearly all have been there.
        #expect(found > 200, "\(found)")
    }
}
