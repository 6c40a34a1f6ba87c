import Bundle
import Foundation
import Pipeline
import Storage
import Testing

/// Conversions that share a store, at once and one after another that was killed.
@Suite struct SharedStoreTests {
    private let folder: ScratchPath
    private let arguments: [String]

    init() throws {
        folder = try ScratchPath()
        let recipe = try SmallRecipe.write(to: folder.path)
        arguments = [TaperProgram.root + "/samples/tiny", recipe, folder.path]
    }

    private func bytes(_ name: String) throws -> [UInt8] { try Files.read(folder.path + "/" + name, limit: 1 << 26) }
    private func report(_ name: String) throws -> JSONValue { try JSONValue.parse(try bytes(name), place: name) }
    /// `$1` the checkpoint, `$2` the recipe, `$3` the folder.
    private static let convert = "\"$TAPER\" convert \"$1\" --recipe \"$2\" -t 1 --json --quiet"

    @Test func twoConversionsAtOnceShareWhatTheyMakeAndGiveTheSameBytes() throws {
        let outcome = try Shell.run(
            """
            cd "$3"
            \(Self.convert) --work w -o a.taper >a.json & a=$!
            \(Self.convert) --work w -o b.taper >b.json & b=$!
            wait $a; x=$?; wait $b; echo $x $?
            \(Self.convert) --work other -o c.taper >c.json
            """, arguments)
        #expect(outcome.output == "0 0\n", "\(outcome.errors)")
        #expect(try bytes("a.taper") == bytes("c.taper") && bytes("b.taper") == bytes("c.taper"))
        func made(_ name: String) throws -> Int { try #require(report(name)["stage_outputs_made"]?.integer) }
        // Each output was made by one of them.
        #expect(try made("a.json") + made("b.json") == made("c.json"))
        #expect(try Files.list(folder.path + "/w").count == made("c.json"))
        #expect(try Files.list(folder.path + "/w") == Files.list(folder.path + "/other"))
        #expect(try Files.list(folder.path).filter { $0.hasPrefix(".") } == [])
    }

    /// Killed when so many outputs are there: among codes, before and after the bundle is packed.
    @Test(arguments: [1, 12, 31, 34]) func aKilledConversionGoesOnWhereItWas(count: Int) throws {
        let outcome = try Shell.run(
            """
            cd "$3"
            \(Self.convert) --work w -o a.taper >/dev/null & a=$!
            until [ $(ls w 2>/dev/null | wc -l) -ge \(count) ] || ! kill -0 $a 2>/dev/null; do sleep 0.005; done
            kill -KILL $a; wait $a; echo $?
            ls w | wc -l
            \(Self.convert) --work w -o a.taper >a.json
            \(Self.convert) --work other -o c.taper >c.json
            """, arguments)
        let lines = outcome.output.split(separator: "\n").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        try #require(lines.count == 2, "\(outcome.errors)")
        #expect(lines[0] == 137 && lines[1] >= count)
        #expect(try bytes("a.taper") == bytes("c.taper"))
        let (resumed, whole) = (try report("a.json"), try report("c.json"))
        #expect(resumed["stage_outputs_reused"]?.integer == lines[1])
        #expect(
            resumed["stage_outputs_made"]?.integer == whole["stage_outputs_made"]?.integer.map { $0 - lines[1] })
        // Neither the half-written bundle nor claims are left.
        #expect(try Files.list(folder.path).filter { $0.hasPrefix(".") } == [])
        #expect(try Files.list(folder.path + "/w").filter { $0.hasPrefix(".") } == [])
    }

    @Test func whatAnotherProcessMakesIsWaitedForUntilAnInterrupt() throws {
        let recipe = try Recipe(path: arguments[1])
        let graph = try Converter(
            input: arguments[0], output: nil, recipe: recipe,
            options: .init(
                threads: 1, workFolder: folder.path + "/w", restart: false, force: false, allowNonfinite: false),
            progress: Progress(.quiet)
        ).graph()
        let arrange = try #require(graph.stages.first { $0.kind == .arrange })
        let store = ArtifactStore(path: folder.path + "/w")
        try store.open()
        let script = """
            cd "$3"
            "$TAPER" convert "$1" --recipe "$2" -t 1 --work w -o a.taper 2>errors >/dev/null & a=$!
            until grep -q "waiting for it" errors || ! kill -0 $a 2>/dev/null; do sleep 0.01; done
            kill -INT $a; wait $a; echo $?
            """
        do {
            let claim = try #require(try store.claim("arrange", arrange.key))
            defer { withExtendedLifetime(claim) {} }
            #expect(try Shell.run(script, arguments).output == "130\n")
            #expect(String(decoding: try bytes("errors"), as: UTF8.self).contains("another process makes arrange"))
        }
        // What it made before stays; the claim was given back.
        #expect(try Files.list(store.path).allSatisfy { $0.hasPrefix("range-") || $0.hasPrefix("own-text-") })
        #expect(!Files.exists(folder.path + "/a.taper"))
        #expect(try Files.list(folder.path).filter { $0.hasPrefix(".") } == [])
    }
}

/// A recipe in which every kind of stage but the learned scheduler runs, on little text.
enum SmallRecipe {
    /// - Returns: its path.
    static func write(to folder: String) throws -> String {
        let samples = TaperProgram.root + "/samples/"
        let text = """
            {"schema": "taper-recipe-1", "precisions": [2, 3], "seed_bits": 2, "embedding_bits": [5], "rungs": [2.5],
             "tuning": [{"bits": 2, "steps": 2, "rate": 0.004}],
             "calibration": {"text": "\(samples)tiny/calibration.txt", "sequences": 2, "length": 64, "generated": 1},
             "quality": {"text": "\(samples)tiny/heldout.txt", "window": 64, "windows": 1},
             "tasks": [{"name": "answer", "data": "\(samples)tasks/tiny.val.jsonl", "max_new_tokens": 4, "examples": 1,
                        "tolerance": 0.2}]}
            """
        let path = folder + "/recipe.json"
        try AtomicFile.write(Array(text.utf8), to: path, replacing: false)
        return path
    }
}
