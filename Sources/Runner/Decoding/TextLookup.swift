/// Finds where a text has been before: the last place of its latest three tokens, other than the end.
package struct TextLookup {
    private static let length = 3
    /// By the hash of three tokens, the index after them.
    private var places: [Int] = []
    private var seen = 0
    private static let slots = 1 << 12

    package init() {}

    /// Index in prompt and tokens together of what followed; nil where the text is new.
    package mutating func find(_ prompt: [Int], _ tokens: [Int]) -> Int? {
        func at(_ index: Int) -> Int { index < prompt.count ? prompt[index] : tokens[index - prompt.count] }
        func slot(_ end: Int) -> Int {
            var hash: UInt64 = 0
            for index in end - TextLookup.length..<end {
                hash = (hash ^ UInt64(truncatingIfNeeded: at(index))) &* 0x9E37_79B9_7F4A_7C15
                hash ^= hash >> 29
            }
            return Int(hash % UInt64(TextLookup.slots))
        }
        let count = prompt.count + tokens.count
        guard count > TextLookup.length else { return nil }
        if places.isEmpty { places = [Int](repeating: 0, count: TextLookup.slots) }
        // Everything but the end itself is known.
        for end in max(seen, TextLookup.length)..<count { places[slot(end)] = end }
        seen = count
        let found = places[slot(count)]
        guard found >= TextLookup.length else { return nil }
        for back in 1...TextLookup.length where at(found - back) != at(count - back) { return nil }
        return found
    }
}
