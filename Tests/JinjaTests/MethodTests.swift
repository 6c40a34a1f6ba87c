import Jinja
import Storage
import Testing

/// Python's methods of texts, lists and dictionaries, and how values are written; the expected texts are those of Jinja2 3.1.6 in
/// its sandbox.
@Suite struct MethodTests {
    private static func render(_ expression: String) throws(TaperError) -> String {
        try Template("{{ " + expression + " }}", place: "test").render([], now: Golden.now)
    }

    static let results: [(expression: String, text: String)] = [
        ("'aXbXc'.removeprefix('aX')", "bXc"),
        ("'aXbXc'.removeprefix('b')", "aXbXc"),
        ("'aXbXc'.removesuffix('Xc')", "aXb"),
        ("'aXbXc'.removesuffix('')", "aXbXc"),
        ("'ab'.removesuffix('abc')", "ab"),
        ("'aXbXc'.partition('X')", "('a', 'X', 'bXc')"),
        ("'aXbXc'.rpartition('X')", "('aXb', 'X', 'c')"),
        ("'abc'.partition('X')", "('abc', '', '')"),
        ("'abc'.rpartition('X')", "('', '', 'abc')"),
        ("'abc'.find('d')", "-1"),
        ("'abcabc'.rfind('bc')", "4"),
        ("'abc'.rfind('')", "3"),
        ("'abcabc'.index('c')", "2"),
        ("' a b  c '.rsplit(none, 1)", "[' a b', 'c']"),
        ("' a b  c '.split(none, 1)", "['a', 'b  c ']"),
        ("'a,b,c'.rsplit(',', 1)", "['a,b', 'c']"),
        ("' a  b '.rsplit()", "['a', 'b']"),
        ("'a\\tb\\n'.rsplit(none, 5)", "['a', 'b']"),
        ("'ABC1'.isupper()", "True"),
        ("'1'.isupper()", "False"),
        ("'aB'.islower()", "False"),
        ("'ab '.islower()", "True"),
        ("'\u{1c5}'.isupper()", "False"),
        ("''.islower()", "False"),
        ("'abc'.replace('', '-')", "-a-b-c-"),
        ("'abc'.replace('', '-', 2)", "-a-bc"),
        ("'abc'.replace('', '-', 4)", "-a-b-c-"),
        ("'aaa'.replace('a', 'b', 2)", "bba"),
        ("{'a': 1}.get('b', 2)", "2"),
        ("{'a': 1}.get('b')", "None"),
        ("{'a': 1}.get('a', 2)", "1"),
        ("[1, 2, 1].index(2)", "1"),
        ("[1, 2, 1].count(1)", "2"),
        ("(1, 2).index(2)", "1"),
        ("range(3)", "range(0, 3)"),
        ("range(1, 9, 2)", "range(1, 9, 2)"),
        ("{'a': 1} == {'a': 1.0}", "True"),
        ("{'a': 1} == {'b': 1}", "False"),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "True"),
        (
            "['\\t\\x00\\x7f', '\u{ad}', '\u{2028}', '\u{e0001}', '\u{e9}', '\u{a0}', 'a\\'b', '\"\\'']",
            "['\\t\\x00\\x7f', '\\xad', '\\u2028', '\\U000e0001', '\u{e9}', '\\xa0', \"a'b\", '\"\\'']"
        ),
        ("'a'.startswith(('b', 'a'))", "True"),
        ("'abc'.endswith('')", "True"),
        ("'a\\r\\nb\\x0bc'.splitlines()", "['a', 'b', 'c']"),
        ("'a\\n\\nb'.splitlines(true)", "['a\\n', '\\n', 'b']"),
        ("'they\\'re ok'.title()", "They'Re Ok"),
        ("'hELLO wORLD'.capitalize()", "Hello world"),
        ("'aaa'.count('aa')", "1"),
        ("'abc'.count('')", "4"),
    ]

    @Test func resultsAreJinjas() throws {
        for (expression, text) in Self.results {
            // Texts compare by canonical equivalence; their bytes do not.
            #expect(try Array(Self.render(expression).utf8) == Array(text.utf8), "\(expression)")
        }
    }

    @Test(arguments: [
        "[1].index(2)",
        "'abc'.index('z')",
        "'a'.split('')",
        "'a'.partition('')",
        "'a'.find(1)",
        "{'a': 1}.get([])",
        "'a'.split('b', 'c')",
        "'a'.replace('b')",
        "'-'.join([1])",
        "'a'.startswith(1)",
        "'a'.removeprefix(1)",
    ]) func whatJinjaRefusesIsRefused(expression: String) {
        #expect(throws: TaperError(.badData, "")) { try Self.render(expression) }
    }

    /// Known to Python, done differently or not at all here: refused by name, never passed over.
    @Test(arguments: [
        "'abc'.find('c', 1)", "'abc'.startswith('b', 1)", "'abc'.center(9)", "'abc'.encode()", "{}.fromkeys('ab')",
    ])
    func whatIsNotDoneIsRefusedByName(expression: String) {
        #expect(throws: TaperError(.unsupported, "")) { try Self.render(expression) }
    }
}
