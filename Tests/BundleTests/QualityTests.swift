import Bundle
import Model
import Storage
import Testing

@Suite struct QualityTests {
    private static func row(_ label: String, _ bits: Precision?, schedule: String? = nil) -> Quality.Row {
        Quality.Row(
            label: label, bits: bits, schedule: schedule.map { ($0, 3.25) }, bytesPerToken: 1000, perplexity: 17.5,
            overFull: 1.25, meanDivergence: 0.5, divergence99: nil, topAgreement: 0.75)
    }

    private let quality = Quality(
        text: "heldout.txt", checksum: 0xac29,
        rule: .object([.init("window", .integer(512)), .init("windows", .integer(16))]),
        rows: [
            row(Quality.fullPrecision, nil), row("4 bits", 4), row("2.4 bits (rung)", Precision(hundredths: 240)),
            row("static:summary", nil, schedule: "4@0,2.4@16"), row("static:chat", 4),
        ])

    @Test func whatIsWrittenIsRead() throws {
        let read = Quality(try JSONValue.parse(quality.json.bytes(), place: "test"))
        #expect(read.json.text() == quality.json.text() && read.json["schema"]?.string == "taper-quality-1")
        #expect(read.text == "heldout.txt" && read.textChecksum == "ac29")
        #expect(read.window == 512 && read.windowCount == 16 && read.fullPerplexity == 17.5)
        let four = try #require(read.row(4))
        #expect(four.label == "4 bits" && four.bytesPerToken == 1000 && four.topAgreement == 0.75)
        #expect(four.divergence99 == nil && four.meanDivergence == 0.5 && read.row(3) == nil)
    }

    @Test func aScheduleHasTheRowOfItsOwnSteps() {
        let rung = Precision(hundredths: 240)
        #expect(quality.row(TinyBundle.schedule([(0, 4), (16, rung)]))?.schedule == "4@0,2.4@16")
        #expect(quality.row(TinyBundle.schedule([(0, 4), (17, rung)])) == nil)
        #expect(quality.row(TinyBundle.schedule([(0, 4)], task: "chat"))?.label == "static:chat")
        #expect(quality.row(TinyBundle.schedule([(0, 3)], task: "chat")) == nil)
    }

    @Test func precisionsOfNoUseAreWarnedOf() throws {
        func results(_ low: String) throws -> Quality {
            let text = """
                {"results":[{"label":"full precision","perplexity":10},{"bits":4,"perplexity":11},{"bits":2,"perplexity":\(low)}]}
                """
            return Quality(try JSONValue.parse(Array(text.utf8), place: "test"))
        }
        let warning = try #require(try results("7120").warning(of: [2, 4]))
        #expect(warning.contains("2 bits has 712 times") && !warning.contains("4 bits"))
        #expect(try results("7120").warning(of: [4, 6]) == nil && results("99").warning(of: [2, 4]) == nil)
        #expect(Quality(.null).warning(of: [2]) == nil)
    }

    @Test func withoutRungsKeepsAllElse() throws {
        let text = """
            {"schema":"taper-quality-1","later":[1],"results":[{"label":"4 bits","bits":4,"more":true},{"bits":2.4}]}
            """
        let json = try JSONValue.parse(Array(text.utf8), place: "test")
        #expect(
            Quality(json).withoutRungs().json.text()
                == "{\"schema\":\"taper-quality-1\",\"later\":[1],\"results\":[{\"label\":\"4 bits\",\"bits\":4,\"more\":true}]}"
        )
        #expect(Quality(.null).withoutRungs().json.isNull)
    }
}
