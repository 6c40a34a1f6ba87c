import Evaluation
import Jinja
import Pipeline
import Simulation
import Storage

extension FuzzTarget {
    static let texts: [FuzzTarget] = [
        FuzzTarget("json", seeds: ["Tests/Fuzz/seeds/json/*", "Tests/Cases/*/config.json"], maximumByteCount: 4096) {
            bytes, _ in
            let value = try JSONValue.parse(bytes, place: "input")
            let text = value.text()
            let again = try? JSONValue.parse(Array(text.utf8), place: "written").text()
            precondition(again == text, "written JSON reads otherwise")
        },
        FuzzTarget("jinja", seeds: ["Tests/JinjaTests/Fixtures/templates/*"], maximumByteCount: 4096) { bytes, _ in
            let template = try Template(String(decoding: bytes, as: UTF8.self), place: "input")
            let conversation = try JSONValue.parse(Array(messages.utf8), place: "messages")
            for adds in [true, false] {
                let text = try template.render(
                    [
                        ("messages", Value(json: conversation)), ("add_generation_prompt", Value(json: .bool(adds))),
                        ("bos_token", Value("<s>")), ("eos_token", Value("</s>")), ("tools", Value(json: .null)),
                    ], now: Moment(year: 2026, month: 2, day: 28))
                precondition(text.utf8.count <= 64 << 20, "more text than the limit")
            }
        },
    ]

    private static let messages = """
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi \\u00e9\\n"},
        {"role": "assistant", "content": " Hello <think>x</think>", "tool_calls": []}, {"role": "user", "content": "7"}]
        """

    static let documents: [FuzzTarget] = [
        FuzzTarget("recipe", seeds: ["pipelines/*.json"], maximumByteCount: 4096) { bytes, folder in
            _ = try Recipe(path: folder.file("recipe.json", bytes))
        },
        FuzzTarget("task", seeds: ["samples/tasks/*", "Tests/Cases/bom-jsonl/*"], maximumByteCount: 4096) {
            bytes, folder in
            let path = folder.file("task.jsonl", bytes)
            let direction = try TranslationDirection(parsing: "fr-en", place: "direction")
            _ = try? readTask(path, direction: direction)
            _ = try readTask(path, needsReferences: false)
        },
        FuzzTarget("hardware", seeds: ["samples/hardware/*"], maximumByteCount: 4096) { bytes, folder in
            _ = try HardwareDescription(path: folder.file("hardware.json", bytes))
        },
    ]
}
