import Jinja
import Storage
import Testing

/// Templates come from strangers: whatever they hold ends in text or in an error with its line.
@Suite struct HostileTemplateTests {
    private static var message: Value {
        Value(
            json: .array([.object([.init("role", .string("user")), .init("content", .string("hi"))])]))
    }

    private func render(_ source: String) throws(TaperError) -> String {
        try Template(source, place: "t").render(
            [("messages", Self.message), ("add_generation_prompt", .boolean(true))],
            now: Moment(year: 2024, month: 2, day: 29))
    }

    private func expectFailure(_ code: TaperError.Code, _ source: String, _ part: String) {
        do throws(TaperError) {
            let text = try render(source)
            Issue.record("\(source) gives \(printable(text))")
        } catch {
            #expect(error.code == code, "\(error.message)")
            #expect(error.message.contains(part) && error.message.contains("line "), "\(error.message)")
        }
    }

    @Test(arguments: [
        "{% for m in messages %}", "{% if true %}x", "{% macro a() %}", "{% set x %}", "{{ messages", "{% if", "{# x",
        "{% raw %}x", "{{ 'abc", "{% filter upper %}x", "{% generation %}", "{{ (1 }}", "{{ [1 }}", "{% with x = 1 %}",
    ])
    func unclosedPartsAreRefused(source: String) { expectFailure(.badData, source, "") }

    @Test(arguments: [
        "{% endfor %}", "{% else %}", "{% nonsense %}", "{{ }}", "{{ 1 + }}", "{{ a b }}", "{{ 'a' is 'b' }}",
        "{% set = 1 %}",
        "{% for in x %}{% endfor %}", "{% set true = 1 %}{{ true }}", "{{ ) }}", "{{ 1..2 }}", "{{ $x }}",
        "{% break %}",
        "{{ f(a=1, 2) }}", "{{ f(a=1, a=2) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{{ '\\x1' }}", "{{ 01 }}",
        "{% if true %}{% endfor %}", "{{ 'a'|}}", "{{ x if }}",
    ])
    func whatIsNoTemplateIsRefused(source: String) { expectFailure(.badData, source, "") }

    @Test func hugeRangesAreRefused() {
        expectFailure(.badData, "{% for i in range(10**9) %}x{% endfor %}", "range")
        expectFailure(.badData, "{{ range(-9223372036854775807, 9223372036854775807) | list }}", "range")
        expectFailure(.badData, "{{ range(0, 10, 0) | list }}", "step 0")
    }

    @Test func endlessWorkEnds() {
        expectFailure(
            .badData, "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps")
        expectFailure(.badData, "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "deeply")
        expectFailure(
            .badData, "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deeply")
    }

    @Test func growthIsBounded() {
        let doubling = "{% set ns = namespace(x='abcdefgh') %}{% for i in range(64) %}{% set ns.x = ns.x "
        expectFailure(.badData, doubling + "~ ns.x %}{% endfor %}", "too long")
        expectFailure(.badData, doubling + "+ ns.x %}{% endfor %}", "too long")
        expectFailure(.badData, doubling + "| replace('a', ns.x) %}{% endfor %}", "too long")
        expectFailure(.badData, doubling + "* 1000 %}{% endfor %}", "too long")
        expectFailure(
            .badData, "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "too long")
        expectFailure(.badData, "{{ 'x' * 9223372036854775807 }}", "too long")
        expectFailure(.badData, "{{ [1] * 9223372036854775807 }}", "too long")
        expectFailure(.badData, "{{ 'x' | indent(9223372036854775807) }}", "too long")
        expectFailure(.badData, "{{ [[1]] | tojson(indent=9223372036854775807) }}", "too long")
        expectFailure(.badData, "{{ ('a' * 9000) | replace('', 'b' * 9000) }}", "too long")
        expectFailure(
            .badData, "{% set x = 'abcdefgh' * 100000 %}{% for i in range(100) %}{{ x }}{% endfor %}",
            "writes more than")
        expectFailure(
            .badData, "{% for i in range(9999) %}{% set x %}{{ 'a' * 100000 }}{% endset %}{% endfor %}", "too long")
    }

    @Test func deepNestingIsRefused() {
        func many(_ text: String, _ count: Int = 5000) -> String { String(repeating: text, count: count) }
        expectFailure(.badData, many("{% if true %}"), "nest")
        expectFailure(.badData, "{{ " + many("("), "nest")
        expectFailure(.badData, "{{ " + many("[") + many("]") + " }}", "nest")
        expectFailure(.badData, "{{ " + many("not ") + "true }}", "nest")
        expectFailure(.badData, "{{ " + many("-") + "1 }}", "nest")
        expectFailure(.badData, "{{ 1" + many(" + 1") + " }}", "nest")
        expectFailure(.badData, "{{ messages" + many(".x") + " }}", "nest")
        expectFailure(.badData, "{{ messages" + many("|list") + " }}", "nest")
        expectFailure(.badData, "{{ 1" + many(" if true else 1") + " }}", "nest")
        expectFailure(.badData, "{{ true" + many(" and true") + " }}", "nest")
        expectFailure(.badData, "{% set " + many("(") + "a" + many(")") + " = 1 %}", "nest")
    }

    @Test(arguments: [
        "{{ ''.__class__.__mro__ }}", "{{ ''['__class__'] }}", "{{ messages.__len__() }}", "{{ range.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}", "{{ messages|attr('x') }}", "{{ '{0.x}'.format(messages) }}",
        "{{ '%s' % 1 }}",
        "{{ messages|map('attr', 'x')|list }}", "{{ 'a'.encode() }}", "{% include 'x' %}", "{% import 'x' as y %}",
        "{% from 'x' import y %}", "{% extends 'x' %}", "{% block x %}{% endblock %}", "{% call x() %}{% endcall %}",
        "{% for x in messages recursive %}{% endfor %}", "{{ lipsum() }}", "{{ f(*messages) }}",
        "{{ messages|pprint }}",
        "{{ 9223372036854775807 + 1 }}", "{{ 2 ** 64 }}", "{{ -9223372036854775807 - 2 }}", "{{ 'a'|escape }}",
        "{{ ('a'|safe) + '<' }}", "{{ varargs }}", "{{ '\\N{BULLET}' }}", "{{ strftime_now('%Z') }}",
        "{{ '' is nonsense }}",
    ])
    func whatIsOutsideTheSubsetIsNamed(source: String) { expectFailure(.unsupported, source, "") }

    @Test(arguments: [
        "{{ messages.append(1) }}", "{{ messages[0].update(a=1) }}", "{{ messages[0].pop('role') }}", "{{ missing.x }}",
        "{{ missing() }}", "{{ 1() }}", "{{ 'a' + 1 }}", "{{ none + 1 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}",
        "{{ 1 < 'a' }}", "{{ 'a' in 1 }}", "{{ none | length }}", "{% for a, b in [1] %}{% endfor %}",
        "{% for a, b in [[1]] %}{% endfor %}", "{{ missing | tojson }}", "{{ missing + 'a' }}", "{{ [1][::0] }}",
        "{{ 'a'.split('') }}", "{{ {[]: 1} }}", "{% set x.y = 1 %}", "{{ messages | join(1, 2, 3) }}",
        "{{ 'a' | trim(bad=1) }}", "{{ raise_exception() }}", "{{ [1, 'a'] | sort }}", "{{ 'x'.nonsense() }}",
    ])
    func whatPythonRefusesIsRefused(source: String) { expectFailure(.badData, source, "") }

    @Test func theTemplatesOwnRefusalKeepsItsText() {
        expectFailure(.usage, "\n\n{{ raise_exception('Only\u{7} users!') }}", "Only\\u{7} users!")
        expectFailure(.usage, "\n\n{{ raise_exception('x') }}", "line 3")
    }

    @Test func theDateIsTheOneGiven() throws {
        #expect(try render("{{ strftime_now('%d %b %Y, %A, day %j') }}") == "29 Feb 2024, Thursday, day 060")
    }

    @Test func variablesCannotReplaceFunctions() throws {
        // A conversation's own variables win over functions, as in Jinja, but nothing else changes.
        let template = try Template("{{ range is callable }}{{ messages }}", place: "t")
        let text = try template.render(
            [("range", .boolean(false)), ("messages", .none)], now: Moment(year: 2024, month: 1, day: 1))
        #expect(text == "FalseNone")
    }

    @Test func largeTemplatesAreRefused() {
        #expect(throws: TaperError(.badData, "")) { try Template(String(repeating: "x", count: 1_000_001), place: "t") }
        #expect(throws: Never.self) { try Template(String(repeating: "x", count: 1_000_000), place: "t") }
    }

    /// Damaged templates of published shape: text or an error, never a crash.
    @Test func damagedTemplatesNeverCrash() throws {
        for name in ["llama-3.1", "gpt-oss", "qwen-3", "language-tour", "command-r7b"] {
            let source = Array(
                String(
                    decoding: try Files.read(Golden.folder + "/templates/" + name + ".jinja", limit: 1 << 20),
                    as: UTF8.self
                )
                .unicodeScalars)
            var state: UInt64 = 0x9e37_79b9_7f4a_7c15
            for _ in 0..<400 {
                var damaged = source
                for _ in 0..<3 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    let at = Int(state >> 33) % damaged.count
                    switch state % 3 {
                    case 0: damaged.remove(at: at)
                    case 1: damaged[at] = source[Int(state >> 20) % source.count]
                    default:
                        damaged.insert(
                            contentsOf: source[at % source.count..<min(at % source.count + 9, source.count)], at: at / 2
                        )
                    }
                }
                var text = ""
                text.unicodeScalars.append(contentsOf: damaged)
                _ = try? render(text)
            }
        }
    }
}
