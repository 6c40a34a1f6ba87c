import Storage
import Testing
import Text

/// Texts are the bytes of their tokens, where the tokenizer says so.
@Suite struct TokenizerBytesTests {
    @Test(arguments: TokenizerOracleTests.names) func textsAreTheBytesOfTheirTokens(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        // It has byte tokens, and a decoder that spells them out.
        #expect(tokenizer.joinsBytes == (name != "unigram-punctuation"))
        guard tokenizer.joinsBytes else { return }
        var random = RandomGenerator(seed: 11)
        var compared = 0
        for _ in 0..<2000 {
            var ids: [Int] = []
            for _ in 0..<5 { ids.append(Int(random.next() % UInt64(tokenizer.vocabularySize))) }
            ids.removeAll { tokenizer.isSpecial($0) || tokenizer.bytes(of: $0).isEmpty }
            let bytes = ids.flatMap { tokenizer.bytes(of: $0) }
            // Runs of bytes that are no character are replaced.
            guard String(validating: bytes, as: UTF8.self) != nil else { continue }
            let text = Array(tokenizer.decode(ids).utf8)
            #expect(text.drop { $0 == 0x20 } == bytes.drop { $0 == 0x20 }, "\(name): \(ids)")
            compared += 1
        }
        #expect(compared > 100)
    }

    @Test(arguments: ["null", #"{"type":"Replace","pattern":{"String":"a"},"content":"\""}"#, #"{"type":"Fuse"}"#])
    func otherDecodersDoNot(decoder: String) throws {
        let json = MalformedTokenizerTests.document(
            vocab: #"{"a":0,"▁b":1}"#, merges: "[]", pre: "null", decoder: decoder)
        let tokenizer = try Tokenizer(
            tokenizerJSON: try JSONValue.parse(Array(json.utf8), place: "t"), place: "t")
        #expect(!tokenizer.joinsBytes)
    }
}
