import Bundle
import Checkpoint
import Model
public import Storage

/// What a conversion would do: sizes, and which stage outputs are there already.
public struct ConversionPlan: Sendable {
    public let lines: [String]
    public let json: JSONValue
}

extension Converter {
    /// Looks without doing.
    public func plan() throws(TaperError) -> ConversionPlan {
        var linear = 0
        var other = 0
        for tensor in checkpoint.config.tensorRequirements() where tensor.shape.count == 2 {
            if tensor.isLinear { linear += tensor.shape.reduce(1, *) } else { other += tensor.shape.reduce(1, *) }
        }
        let bits = (recipe.nestedPrecisions.last ?? 0) + (recipe.holdsHalf ? 16 : 0)
        let estimate = linear / 8 * bits + other / 8 * (recipe.embeddingPrecisions.last ?? 8)
        var lines = [
            "input      \(input) (\(checkpoint.format), \(checkpoint.config.family))",
            "output     \(output), about \(byteText(estimate)) and the centroid tables",
            "linear     \(fixed(Double(linear) / 1e6, 1)) million weights at \(precisionText)",
            "embedding  \(fixed(Double(other) / 1e6, 1)) million weights at \(recipe.embeddingText) bits",
            "work       \(work.path)",
        ]
        let own =
            recipe.ownSequences > 0
            ? "\(recipe.ownSequences) x \(recipe.calibrationLength) tokens of the model's own text" : nil
        let texts = [recipe.calibrationPath, own].compactMap { $0 }.joined(separator: ", and ")
        lines.append("calibrate  \(texts.isEmpty ? "no text: all input channels count the same" : texts)")
        if !recipe.rungs.isEmpty { lines.append("rungs      \(Precision.text(recipe.rungs)) bits on average") }
        lines.append("quality    \(recipe.quality?.path ?? "not measured")")
        for task in recipe.tasks {
            let data = task.dataPath ?? "left out; it needs --task-data \(task.name)=FILE"
            lines.append("task       \(task.name): \(task.metric), \(data)")
        }
        return ConversionPlan(
            lines: lines,
            json: .object([
                .init("schema", .string("taper-plan-1")), .init("input", .string(input)),
                .init("output", .string(output)),
                .init("estimated_bytes", .integer(estimate)), .init("linear_weights", .integer(linear)),
                .init("other_weights", .integer(other)),
                .init("precisions", .array(recipe.precisions.map { .integer($0) })),
                .init("tasks", .array(recipe.tasks.filter { $0.dataPath != nil }.map { .string($0.name) })),
                .init("rungs", .array(recipe.rungs.map(\.json))),
            ]))
    }
}
