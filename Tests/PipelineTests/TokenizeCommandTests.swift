import Foundation
import Storage
import Testing

/// `taper tokenize`: its JSON is how others compare tokens with ours.
@Suite struct TokenizeCommandTests {
    static let sample = TaperProgram.root + "/samples/tiny"

    /// Every case of the golden file, whose tokens come from other software, through the model folder and the tokenizer alone.
    @Test(arguments: [sample, sample + "/tokenizer.json"])
    func tokensAreThoseOfTheGoldenFile(input: String) throws {
        let golden = try JSONValue.parse(
            try Files.read(Self.sample + "/golden.json", limit: 1 << 24), place: "golden.json")
        let cases = try #require(golden["cases"]?.array)
        #expect(cases.count == 8)
        for item in cases {
            let text = try #require(item["text"]?.string)
            let outcome = try Shell.run("printf %s \"$2\" | $TAPER tokenize \"$1\" --json", [input, text])
            try #require(outcome.status == 0, "\(outcome.errors)")
            let json = try outcome.json
            #expect(json["schema"]?.string == "taper-tokenize-1")
            #expect(json["ids"]?.array?.map(\.integer) == item["tokens"]?.array?.map(\.integer), "\(text)")
            #expect(json["pieces"]?.array?.count == json["ids"]?.array?.count)
        }
    }

    @Test func aBundleTokenizesAsItsCheckpoint() throws {
        let text = "And the LORD spake <|im_start|> unto 1234 Moses\n\n\u{e9}t\u{e9} \u{65e5}"
        let (bundle, checkpoint) = (WrittenBundleTests.folder + "/0.1.0-tiny.taper", Self.sample)
        let outcomes = try [bundle, checkpoint].map {
            try Shell.run("printf %s \"$2\" | $TAPER tokenize \"$1\" --json", [$0, text])
        }
        #expect(outcomes[0].status == 0 && outcomes[0].output == outcomes[1].output, "\(outcomes[0].errors)")
    }

    @Test func textThatIsNotUTF8IsRefused() throws {
        let outcome = try Shell.run("printf '\\377abc' | $TAPER tokenize $1 --json", [Self.sample])
        #expect(outcome.status == 65 && outcome.output.isEmpty, "\(outcome.errors)")
    }
}
