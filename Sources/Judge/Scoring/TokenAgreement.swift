/// Likeness of two token sequences.
public enum TokenAgreement {
    /// Share of positions, over the longer sequence, at which both have the same token.
    public static func positions(_ a: [Int], _ b: [Int]) -> Double {
        let longest = max(a.count, b.count)
        return longest == 0 ? 1 : Double(zip(a, b).filter { $0 == $1 }.count) / Double(longest)
    }
}
