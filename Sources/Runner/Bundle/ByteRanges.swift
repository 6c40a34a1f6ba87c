/// Bytes of a file, as ranges that rise and do not touch.
public struct ByteRanges: Equatable, Sendable {
    public let all: [Range<Int>]

    /// - Parameter ranges: in any order; they may overlap, and some may be empty.
    public init(_ ranges: [Range<Int>]) {
        var merged: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        all = merged
    }

    public var byteCount: Int { all.reduce(0) { $0 + $1.count } }

    /// What of `whole` is in none of them.
    public func gaps(in whole: Range<Int>) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var start = whole.lowerBound
        for range in all where range.upperBound > whole.lowerBound && range.lowerBound < whole.upperBound {
            if range.lowerBound > start { gaps.append(start..<range.lowerBound) }
            start = max(start, range.upperBound)
        }
        if start < whole.upperBound { gaps.append(start..<whole.upperBound) }
        return gaps
    }
}
