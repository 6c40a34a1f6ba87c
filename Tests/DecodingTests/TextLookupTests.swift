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

    /// The same as looking through all of the text, also where hashes meet.
    @Test func agreesWithASearchThroughTheText() {
        var (prompt, tokens): ([Int], [Int]) = ([], [])
        var random: UInt64 = 7
        var lookup = TextLookup()
        for step in 0..<20_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let token = Int(random >> 60)
            if step < 100 { prompt.append(token) } else { tokens.append(token) }
            guard step > 1000, step % 50 == 0 else { continue }
            let all = prompt + tokens
            let found = lookup.find(prompt, tokens)
            if let found {
                #expect(all[found - 3..<found] == all[all.count - 3..<all.count] && found < all.count)
            }
        }
    }
}
