import Storage
import Testing

@Suite struct ByteOrderMarkTests {
    @Test func aMarkIsNoPartOfTheText() throws {
        #expect(try Files.textBytes([0xef, 0xbb, 0xbf, 0x61], place: "t") == [0x61])
        #expect(try Files.textBytes([0xef, 0xbb, 0xbf], place: "t") == [])
        #expect(try Files.textBytes([0x61, 0xef, 0xbb, 0xbf], place: "t") == [0x61, 0xef, 0xbb, 0xbf])
        #expect(try Files.textBytes([], place: "t") == [])
    }

    @Test(arguments: [
        ([0xff, 0xfe, 0x61, 0] as [UInt8], "UTF-16"), ([0xfe, 0xff, 0, 0x61], "UTF-16"),
        ([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0], "UTF-32"), ([0x61, 0xff], "not UTF-8"),
    ])
    func otherEncodingsAreNamed(bytes: [UInt8], name: String) {
        #expect {
            try Files.textBytes(bytes, place: "t")
        } throws: { error in
            (error as? TaperError)?.code == .badData && (error as? TaperError)?.message.contains(name) == true
        }
    }
}
