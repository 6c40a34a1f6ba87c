import Scoring
import Bundle
import Pipeline
import Storage
import Testing

import struct Foundation.UUID
import func Foundation.NSTemporaryDirectory

/// Recipes whose examples the user brings.
@Suite struct TaskRecipeTests {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "taper-task-recipe-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        let recipe = """
            {"schema": "taper-recipe-1", "precisions": [2, 3], "seed_bits": 2, "effort": "fast",
             "tasks": [{"name": "news", "data": null, "metric": "rouge-2", "max_new_tokens": 4, "tolerance": 1},
                       {"name": "talks", "data": null, "metric": "sacrebleu", "direction": "fr-en",
                        "max_new_tokens": 4, "tolerance": 1}]}
            """
        try AtomicFile.write(Array(recipe.utf8), to: folder + "/recipe.json", replacing: false)
        try AtomicFile.write(
            Array("{\"translation\": {\"fr\": \"Le chat dort.\", \"en\": \"The cat sleeps.\"}}\n".utf8),
            to: folder + "/talks.jsonl", replacing: false)
    }

    @Test func tasksWithoutFileAreLeftOutAndSaid() throws {
        defer { Files.remove(folder + "/out.taper") }
        let arguments = [
            "convert", TaperProgram.root + "/samples/tiny", "-o", folder + "/out.taper", "--recipe",
            folder + "/recipe.json", "--work", folder + "/work", "--task-data", "talks=" + folder + "/talks.jsonl",
        ]
        let plan = try TaperProgram.run(arguments + ["--dry-run"])
        #expect(plan.output.contains("news: rouge-2, left out; it needs --task-data news=FILE"))
        let outcome = try TaperProgram.run(arguments + ["-t", "2", "--quiet"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("task news is left out") && outcome.errors.contains("--task-data news=FILE"))
        let schedules = try Bundle(path: folder + "/out.taper").schedules()
        #expect(schedules.map(\.task) == ["talks"] && schedules[0].metric == "sacrebleu")

        let wrong = try TaperProgram.run(arguments + ["--task-data", "new=x"])
        #expect(wrong.status == 64 && wrong.errors.contains("news=FILE or talks=FILE"))
        let missing = try TaperProgram.run(arguments + ["--task-data", "news=" + folder + "/nothing", "--force"])
        #expect(missing.status == 66, "\(missing.errors)")
        // A line of another layout stops the conversion with its place.
        let foreign = try TaperProgram.run(
            arguments + ["--task-data", "news=" + folder + "/talks.jsonl", "--force", "-t", "2", "--quiet"])
        #expect(foreign.status == 65 && foreign.errors.contains("talks.jsonl:1"), "\(foreign.errors)")
    }
}
