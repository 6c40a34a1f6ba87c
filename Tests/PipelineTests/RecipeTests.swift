import Scoring
import Model
import Foundation
import Pipeline
import Quantization
import Storage
import Testing

@Suite struct RecipeTests {
    private func load(_ text: String) throws(TaperError) -> Recipe {
        let path = FileManager.default.temporaryDirectory.path + "/taper-recipe-" + UUID().uuidString + ".json"
        try AtomicFile.write(Array(text.utf8), to: path, replacing: false)
        defer { Files.remove(path) }
        return try Recipe(path: path)
    }

    @Test func readsEverySetting() throws {
        let recipe = try load(
            """
            {"schema": "taper-recipe-1", "precisions": [2, 4], "seed_bits": 2, "embedding_bits": 6, "guided": false,
             "calibration": {"text": "a.txt", "sequences": 3, "length": 64, "generated": 5},
             "quality": {"text": "/b.txt", "window": 128, "windows": 2},
             "tasks": [{"name": "t", "data": "d.jsonl", "metric": "agreement", "max_new_tokens": 9, "tolerance": 0.5}],
             "rungs": [2.5, 3.25],
             "learned": {"text": "c.txt", "precisions": [4, 2], "prompts": 20, "tolerance": 0.1},
             "chat_template": "chatml"}
            """)
        #expect(recipe.precisions == [2, 4] && recipe.seedBits == 2 && recipe.embeddingPrecisions == [6])
        #expect(!recipe.isGuided)
        guard case .file(let text) = recipe.calibrationText else {
            Issue.record("no calibration text")
            return
        }
        #expect(text.hasSuffix("/a.txt") && recipe.calibrationSequences == 3)
        #expect(recipe.generatedSequences == 5)
        #expect(recipe.quality?.text == .file("/b.txt") && recipe.quality?.windows == 2)
        #expect(recipe.tasks.first?.metric == "agreement" && recipe.tasks.first?.maxNewTokens == 9)
        #expect(recipe.rungs.map(\.text) == ["2.5", "3.25"])
        #expect(recipe.chatTemplate == "chatml")
        let learned = try #require(recipe.learned)
        #expect(learned.textPath.hasSuffix("/c.txt") && learned.precisions == [4, 2] && learned.prompts == 20)
        #expect(learned.maxNewTokens == 64 && learned.tolerance == 0.1)
    }

    @Test(arguments: [
        "[]", "{}", "{\"schema\":\"taper-recipe-2\"}", "{\"schema\":\"taper-recipe-1\",\"presicions\":[2]}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":[]}", "{\"schema\":\"taper-recipe-1\",\"precisions\":[4,2]}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":[16]}", "{\"schema\":\"taper-recipe-1\",\"precisions\":[2,12]}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":[1,2]}", "{\"schema\":\"taper-recipe-1\",\"precisions\":[2,2]}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":\"2-6\"}", "{\"schema\":\"taper-recipe-1\",\"guided\":1}",
        "{\"schema\":\"taper-recipe-1\",\"seed_bits\":9}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":[2],\"seed_bits\":3}",
        "{\"schema\":\"taper-recipe-1\",\"tasks\":[{\"name\":\"a\"}]}",
        "{\"schema\":\"taper-recipe-1\",\"tasks\":[{\"name\":\"a\",\"data\":\"x\"},{\"name\":\"a\",\"data\":\"y\"}]}",
        "{\"schema\":\"taper-recipe-1\",\"tasks\":[{\"name\":\"a\",\"data\":\"x\",\"metric\":\"rogue-l\"}]}",
        "{\"schema\":\"taper-recipe-1\",\"tasks\":[{\"name\":\"a\",\"data\":null,\"direction\":\"fr\"}]}",
        "{\"schema\":\"taper-recipe-1\",\"calibration\":{\"length\":1}}",
        "{\"schema\":\"taper-recipe-1\",\"calibration\":{\"generated\":-1}}",
        "{\"schema\":\"taper-recipe-1\",\"calibration\":{\"generated\":\"all\"}}",
        "{\"schema\":\"taper-recipe-1\",\"rungs\":[3.5]}", "{\"schema\":\"taper-recipe-1\",\"rungs\":3.5}",
        "{\"schema\":\"taper-recipe-1\",\"rungs\":[3],\"calibration\":{\"text\":\"a\"}}",
        "{\"schema\":\"taper-recipe-1\",\"rungs\":[1.5],\"calibration\":{\"text\":\"a\"}}",
        "{\"schema\":\"taper-recipe-1\",\"rungs\":[3.123],\"calibration\":{\"text\":\"a\"}}",
        "{\"schema\":\"taper-recipe-1\",\"learned\":{\"precisions\":[4,3]}}",
        "{\"schema\":\"taper-recipe-1\",\"learned\":{\"text\":\"a\",\"precisions\":[3,4]}}",
        "{\"schema\":\"taper-recipe-1\",\"learned\":{\"text\":\"a\",\"precisions\":[4]}}",
        "{\"schema\":\"taper-recipe-1\",\"learned\":{\"text\":\"a\",\"precisions\":[8,4]}}",
        "{\"schema\":\"taper-recipe-1\",\"method\":\"best\"}", "{\"schema\":\"taper-recipe-1\",\"method\":4}",
        "{\"schema\":\"taper-recipe-1\",\"effort\":\"slow\"}", "{\"schema\":\"taper-recipe-1\",\"head_screen\":1}",
        "{\"schema\":\"taper-recipe-1\",\"embedding_bits\":[8,4]}",
        "{\"schema\":\"taper-recipe-1\",\"embedding_bits\":[]}", "{\"schema\":\"taper-recipe-1\",\"embedding_bits\":9}",
        "{\"schema\":\"taper-recipe-1\",\"tuning\":3}", "{\"schema\":\"taper-recipe-1\",\"tuning\":[{\"bits\":2}]}",
        "{\"schema\":\"taper-recipe-1\",\"tuning\":[{\"bits\":2,\"steps\":-1,\"rate\":0.1}]}",
        "{\"schema\":\"taper-recipe-1\",\"tuning\":[{\"bits\":2,\"steps\":9,\"rate\":1.1}]}",
        "{\"schema\":\"taper-recipe-1\",\"precisions\":[3],\"tuning\":[{\"bits\":2,\"steps\":9,\"rate\":0.1}]}",
    ])
    func refusesUnusableRecipes(text: String) { #expect(throws: TaperError(.badData, "")) { try load(text) } }

    @Test func readsHowCodesAreMade() throws {
        let recipe = try load(
            """
            {"schema": "taper-recipe-1", "precisions": [2, 3, 4], "seed_bits": 3, "embedding_bits": [3, 4, 8],
             "effort": "fast", "head_screen": false,
             "tuning": [{"bits": 2, "steps": 40, "rate": 0.01}, {"bits": 4, "steps": 0, "rate": 0}]}
            """)
        #expect(recipe.effort == .fast && !recipe.screensHead)
        #expect(recipe.embeddingPrecisions == [3, 4, 8])
        #expect(recipe.tuning?.map(\.bits) == [2, 4] && recipe.tuning?.map(\.steps) == [40, 0])
        #expect(recipe.tuning?.map(\.rate) == [0.01, 0])
        for known in QuantizationMethod.allCases {
            let method = "\"method\":\"\(known.rawValue)\""
            let named = try load(#"{"schema":"taper-recipe-1",\#(method),"calibration":{"text":"a"}}"#)
            #expect(named.method == known && named.effectiveMethod == known)
        }
    }

    /// Every recipe that comes with the project is usable; those for other people's data wait for a file.
    @Test func theProjectsRecipesAreRead() throws {
        let folder = TaperProgram.root + "/pipelines/"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
        #expect(names.count >= 6)
        for name in names { _ = try Recipe(path: folder + name) }
        for (name, metric) in [("dialogsum", "rouge-l"), ("cnn-dailymail", "rouge-l"), ("iwslt-fr-en", "sacrebleu")] {
            var recipe = try Recipe(path: folder + name + ".json")
            #expect(recipe.tasks.map(\.name) == [name] && recipe.tasks[0].dataPath == nil)
            #expect(recipe.tasks[0].metric == metric)
            #expect((recipe.tasks[0].direction != nil) == (name == "iwslt-fr-en"))
            try recipe.setTaskData(name + "=/a=b.jsonl")
            #expect(recipe.tasks[0].dataPath == "/a=b.jsonl")
            for wrong in ["other=/a", name, name + "=", "=/a"] {
                #expect(throws: TaperError(.usage, "")) { try recipe.setTaskData(wrong) }
            }
        }
    }
}
