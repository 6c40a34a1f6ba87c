/// Bits that a stored weight can have. The one place that says so: layouts, format, recipes and programs go by it.
public enum BitWidth {
    /// Nested codes: a code's leading bits are its code at the lower precisions. Tables have 2^bits entries of one byte.
    @inlinable public static var nested: ClosedRange<Int> { 2...8 }
    /// Half precision: no code, no table.
    @inlinable public static var half: Int { 16 }

    @inlinable public static func isNested(_ bits: Int) -> Bool { nested.contains(bits) }
    @inlinable public static func exists(_ bits: Int) -> Bool { isNested(bits) || bits == half }

    /// Those of some that are codes.
    public static func nested(of all: [Int]) -> [Int] { all.filter { isNested($0) } }

    /// Where a tensor that holds `held` (ascending, not empty) is read when `bits` are asked for: at the largest that does not
    /// exceed them, or at the smallest.
    @inlinable public static func index(of bits: Int, in held: [Int]) -> Int {
        var index = held.count - 1
        while index > 0 && held[index] > bits { index -= 1 }
        return index
    }
}
