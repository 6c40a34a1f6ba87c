import Storage
import Testing

@Suite struct BitWidthTests {
    @Test func codesHaveTwoToEightBitsAndHalfPrecisionSixteen() {
        #expect((-1...20).filter { BitWidth.isNested($0) } == Array(2...8))
        #expect((-1...20).filter { BitWidth.exists($0) } == Array(2...8) + [16])
        #expect(BitWidth.nested(of: [2, 4, 8, 16]) == [2, 4, 8])
    }

    @Test func aTensorIsReadAtTheLargestThatDoesNotExceedWhatIsAsked() {
        let held = [3, 4, 6, 16]
        #expect(
            [1, 2, 3, 4, 5, 6, 8, 15, 16, 17].map { held[BitWidth.index(of: $0, in: held)] } == [
                3, 3, 3, 4, 4, 6, 6, 6, 16, 16,
            ])
        #expect(BitWidth.index(of: 2, in: [8]) == 0)
    }
}
