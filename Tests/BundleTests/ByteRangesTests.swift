import Bundle
import Testing

@Suite struct ByteRangesTests {
    @Test func whatTouchesOrOverlapsIsOne() {
        let ranges = ByteRanges([20..<30, 0..<5, 5..<8, 25..<40, 50..<50, 22..<24])
        #expect(ranges.all == [0..<8, 20..<40])
        #expect(ranges.byteCount == 28)
        #expect(ByteRanges([]).byteCount == 0)
    }

    @Test func gapsAndRangesAreTheWhole() {
        let ranges = ByteRanges([10..<20, 30..<40])
        #expect(ranges.gaps(in: 0..<50) == [0..<10, 20..<30, 40..<50])
        #expect(ranges.gaps(in: 15..<35) == [20..<30])
        #expect(ranges.gaps(in: 10..<20).isEmpty)
        #expect(ranges.gaps(in: 50..<60) == [50..<60])
        #expect(ByteRanges([]).gaps(in: 3..<9) == [3..<9])
    }
}
