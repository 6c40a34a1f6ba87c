import Bundle
public import Checkpoint
import Kernels
import Model
import Reference
import Scoring
public import Storage

/// What a conversion would do: sizes, and what every stage takes of time, memory and disk.
public struct ConversionPlan: Sendable {
    public let lines: [String]
    public let json: JSONValue
}

extension Converter {
    /// Looks without doing.
    public func plan() throws(TaperError) -> ConversionPlan {
        ConversionPlan(
            input, checkpoint.format, output: output, recipe, checkpoint.config, estimate, workPath: store.path,
            leftOut: leftOut)
    }
}

extension ConversionPlan {
    /// Of a model whose weights are not there: what they would take.
    /// - Throws: `noInput` where the machine's speed cannot be measured.
    public init(
        _ outline: ModelOutline, folder: String, output: String?, recipe: Recipe, options: Converter.Options
    ) throws(TaperError) {
        let pool = try ThreadPool(threadCount: options.threads)
        // Checkpoints are published in half precision.
        let estimate = ConversionEstimate(
            recipe, outline.config, storedBytes: 2 * outline.weightCount,
            budget: options.memory.map { MemoryBudget(of: $0) } ?? .usual,
            rates: recipe.needsFloatModel
                ? try MachineRates(measuring: pool, joint: recipe.effectiveMethod == .joint) : nil)
        self.init(
            folder, "config.json", output: output, recipe, outline.config, estimate,
            workPath: try ArtifactStore(folder: options.workFolder).path, leftOut: [], note: ModelOutline.note)
    }

    fileprivate init(
        _ input: String, _ format: String, output: String?, _ recipe: Recipe, _ config: ModelConfig,
        _ estimate: ConversionEstimate, workPath: String, leftOut: [String], note: String? = nil
    ) {
        let shape = ConversionEstimate.Shape(config)
        var lines = [
            "input      \(input) (\(format), \(config.family))",
            "output     \(output ?? "none"), about \(byteText(estimate.outputBytes))",
            "linear     \(fixed(shape.linear / 1e6, 1)) million weights at \(recipe.precisionText)",
            "embedding  \(fixed(shape.other / 1e6, 1)) million weights at \(recipe.embeddingText) bits",
            "work       \(workPath), about \(byteText(estimate.workBytes))",
        ]
        if let note { lines.insert("note       " + note, at: 1) }
        let own =
            recipe.ownSequences > 0
            ? "\(recipe.ownSequences) x \(recipe.calibrationLength) tokens of the model's own text" : nil
        let texts = [recipe.calibrationText?.name, own].compactMap { $0 }.joined(separator: ", and ")
        lines.append("calibrate  \(texts.isEmpty ? "no text: all input channels count the same" : texts)")
        if !recipe.rungs.isEmpty { lines.append("rungs      \(Precision.text(recipe.rungs)) bits on average") }
        lines.append("quality    \(recipe.quality?.text.name ?? "not measured")")
        for task in recipe.tasks {
            let data = task.dataPath ?? "left out; it needs \(field("task_data")) \(task.name)=FILE"
            lines.append("task       \(task.name): \(task.metric), \(data)")
        }
        lines += ["", "What it takes, estimated; results of earlier runs save time:"]
        let width = estimate.stages.map(\.name.count).max() ?? 0
        func row(_ name: String, _ seconds: Double, _ memory: Int, _ disk: Int) -> String {
            func right(_ text: String, _ width: Int) -> String {
                String(repeating: " ", count: max(0, width - text.count)) + text
            }
            return "  " + name + String(repeating: " ", count: max(0, width - name.count))
                + right(Progress.duration(seconds), 13) + right(byteText(memory) + " memory", 18)
                + right(byteText(disk) + " disk", 16)
        }
        for stage in estimate.stages {
            lines.append(row(stage.name, stage.seconds, stage.memoryBytes, stage.diskBytes))
        }
        lines.append(row("in all", estimate.seconds, estimate.memoryBytes, estimate.workBytes + estimate.outputBytes))
        self.lines = lines
        var members: [JSONValue.Member] = [
            .init("schema", .string("taper-plan-1")), .init("input", .string(input)),
            .init("output", output.map { .string($0) } ?? .null),
            .init("estimated_bytes", .integer(estimate.outputBytes)),
            .init("linear_weights", .integer(Int(shape.linear))),
            .init("other_weights", .integer(Int(shape.other))),
            .init("precisions", .array(recipe.precisions.map { .integer($0) })),
            .init("tasks", .array(recipe.tasks.filter { $0.dataPath != nil }.map { .string($0.name) })),
            .init("rungs", .array(recipe.rungs.map(\.json))),
            .init("stages", .array(estimate.stages.map(\.json))),
            .init("seconds", .number((estimate.seconds * 10).rounded() / 10)),
            .init("memory_bytes", .integer(estimate.memoryBytes)),
            .init("work_bytes", .integer(estimate.workBytes)),
            .init("left_out", .array(leftOut.map { .string($0) })),
        ]
        if let note { members.append(.init("note", .string(note))) }
        json = .object(members)
    }
}

extension Recipe {
    var precisionText: String { precisions.map(String.init).joined(separator: ", ") + " bits" }
}

extension Recipe.TextPlace {
    /// For people.
    var name: String {
        switch self {
        case .file(let path): path
        case .sample: "the sample text that comes with the program"
        }
    }
}
