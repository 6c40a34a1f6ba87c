import Storage
import Testing

@Suite struct ByteReaderTests {
    @Test func readsLittleEndianAndStopsAtTheEnd() throws {
        var writer = ByteWriter()
        writer.u16(0x1234)
        writer.f32(-1.5)
        writer.string("né")
        writer.pad(to: 16)
        let bytes = writer.bytes
        #expect(bytes.count == 16)
        try bytes.withBytes { raw throws(TaperError) in
            var reader = ByteReader(raw, place: "t")
            let number = try reader.u16("a")
            let value = try reader.f32("b")
            let text = try reader.string(3, "c")
            #expect(number == 0x1234 && value == -1.5 && text == "né")
        }
        #expect(throws: TaperError(.badData, "")) {
            try [UInt8](repeating: 0, count: 7).withBytes { raw throws(TaperError) in
                var reader = ByteReader(raw, place: "t")
                _ = try reader.u64("x")
            }
        }
    }

    @Test func hugeAndNegativeCountsDoNotTrap() {
        for count in [Int.max, -1, Int.min] {
            #expect(throws: TaperError(.badData, "")) {
                try [UInt8(1)].withBytes { raw throws(TaperError) in
                    var reader = ByteReader(raw, place: "t")
                    _ = try reader.take(count, "x")
                }
            }
        }
        #expect(throws: TaperError(.badData, "")) {
            try [UInt8](repeating: 0xff, count: 8).withBytes { raw throws(TaperError) in
                var reader = ByteReader(raw, place: "t")
                _ = try reader.count("x", limit: 10)
            }
        }
    }
}
