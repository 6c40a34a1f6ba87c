import Storage
import Testing

@Suite struct NumbersTests {
    @Test func everyHalfSurvivesTheRoundTripThroughFloat() {
        for bits in UInt16.min...UInt16.max {
            let value = floatFromHalf(bits)
            let isNaN = bits & 0x7c00 == 0x7c00 && bits & 0x3ff != 0
            #expect(value.isNaN == isNaN)
            if !isNaN { #expect(halfFromFloat(value) == bits) }
        }
    }

    @Test(arguments: [
        (Float(1.0), UInt16(0x3c00)), (65504, 0x7bff), (65520, 0x7c00), (0x1p-24, 1), (0x1p-25, 0), (0x1.8p-25, 1),
        (-2, 0xc000), (1.0009765625, 0x3c01), (1.00048828125, 0x3c00),
    ])
    func roundsToNearestEven(value: Float, half: UInt16) { #expect(halfFromFloat(value) == half) }

    @Test func formatsNumbersWithoutLocale() {
        #expect(fixed(3.14159, 2) == "3.14")
        #expect(shortest(0.1) == "0.1")
        #expect(shortest(1e300) == "1e+300")
        #expect(byteText(999) == "999 B")
        #expect(byteText(1_234_567) == "1.2 MB")
        #expect(byteText(999_999) == "1.0 MB")
    }

    @Test(arguments: ["", "1x", " 1", "1 ", "1e999", "--1", "1,5"])
    func refusesHalfReadNumbers(text: String) { #expect(parseDouble(text) == nil) }

    @Test func checkedProductNeverOverflows() {
        #expect(checkedProduct([3, 4]) == 12)
        #expect(checkedProduct([Int.max, 2]) == nil)
        #expect(checkedProduct([-1]) == nil)
        #expect(checkedProduct([]) == 1)
    }

    // Vectors published with the algorithm's specification.
    @Test func checksumIsXXH64() {
        #expect(checksum([]) == 0xEF46_DB37_51D8_E999)
        #expect(checksum(Array("a".utf8)) == 0xD24E_C4F1_A98C_6E5B)
        #expect(checksum(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(checksum(Array("Nobody inspects the spammish repetition".utf8)) == 0xFBCE_A83C_8A37_8BF1)
    }
}
