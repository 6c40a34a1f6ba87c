import Storage
import Testing
import Text

/// The example in formats/tokenizer.md.
@Suite struct TokenizerFormatTests {
    @Test func theSpecificationsExampleIsWhatIsWritten() throws {
        let text = String(
            decoding: try Files.read(Fixtures.folder + "/../../../formats/tokenizer.md", limit: 1 << 20), as: UTF8.self)
        var expected: [UInt8] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 17, ["00", "10", "20", "30"].contains(parts[0]) else { continue }
            expected += parts.dropFirst().compactMap { UInt8($0, radix: 16) }
        }
        let json = try JSONValue.parse(Array(MalformedTokenizerTests.document().utf8), place: "t")
        #expect(try Tokenizer(tokenizerJSON: json, place: "t").compact() == expected)
        #expect(expected.count == 64)
    }
}
