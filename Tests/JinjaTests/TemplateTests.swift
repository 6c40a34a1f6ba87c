import Foundation
import Jinja
import Storage
import Testing

/// What `make_templates_golden.py` had Jinja2 make of templates of published shape.
enum Golden {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures"
    static let json: Result<JSONValue, any Error> = Result {
        try JSONValue.parse(try Files.read(folder + "/expected.json", limit: 1 << 22), place: "expected.json")
    }
    static var names: [String] { ((try? json.get())?["templates"]?.members ?? []).map(\.key) }
    static let now = Moment(year: 2024, month: 7, day: 26, hour: 13, minute: 5, second: 9)

    static func template(_ name: String) throws -> Template {
        let bytes = try Files.read(folder + "/templates/" + name + ".jinja", limit: 1 << 20)
        return try Template(String(decoding: bytes, as: UTF8.self), place: name)
    }

    /// Bytes and FNV-1a: the fixture keeps no text but the first two of each template.
    static func fingerprint(_ text: String) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(value, radix: 16)
        return "\(text.utf8.count):" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

@Suite struct TemplateTests {
    private func render(_ template: Template, _ conversation: JSONValue, _ tokens: [JSONValue]) throws -> String {
        var variables: [(name: String, value: Value)] = [
            ("messages", Value(json: try #require(conversation["messages"]))),
            ("tools", conversation["tools"].map { Value(json: $0) } ?? Value.none),
            ("documents", conversation["documents"].map { Value(json: $0) } ?? Value.none),
            ("add_generation_prompt", Value(json: try #require(conversation["generation"]))),
        ]
        for (name, token) in zip(["bos_token", "eos_token"], tokens) where !token.isNull {
            variables.append((name, Value(json: token)))
        }
        for member in conversation["variables"]?.members ?? [] {
            variables.append((member.key, Value(json: member.value)))
        }
        return try template.render(variables, now: Golden.now)
    }

    @Test func theOracleIsLargeEnough() throws {
        let json = try Golden.json.get()
        #expect(Golden.names.count >= 60)
        #expect(try #require(json["conversations"]?.array).count >= 20)
        #expect(json["jinja2"]?.string == "3.1.6")
    }

    @Test(arguments: Golden.names)
    func textsAndRefusalsAreThoseOfJinja2(name: String) throws {
        let json = try Golden.json.get()
        let golden = try #require(json["templates"]?[name])
        let template = try Golden.template(name)
        let tokens = try #require(golden["tokens"]?.array)
        let results = try #require(golden["results"]?.array)
        let conversations = try #require(json["conversations"]?.array)
        #expect(results.count == conversations.count)
        for (index, conversation) in conversations.enumerated() {
            var found: String
            var text = ""
            do {
                text = try render(template, conversation, tokens)
                found = Golden.fingerprint(text)
            } catch let error as TaperError {
                text = error.message
                found = error.code == .usage ? "refused" : error.code == .badData ? "error" : "unsupported"
            }
            #expect(found == results[index].string, "\(name), conversation \(index): \(printable(text, limit: 400))")
            if index < 2, let expected = golden["texts"]?.array?[index].string { #expect(text == expected) }
        }
    }

    @Test func literalsAreThoseOfTheExpressions() throws {
        let template = try Template("{% if 'a' in x %}text 'b'{{ \"c\" 'a' }}{# 'd' #}{% endif %}", place: "t")
        #expect(template.literals == ["a", "c"])
    }
}
