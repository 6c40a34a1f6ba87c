// Convert CHECKPOINT BUNDLE EXAMPLES: makes a bundle in a hurry, finds where precision may fall on a task, and answers with that.
import Foundation
import TaperConvert
import TaperRuntime

guard CommandLine.arguments.count == 4 else { exit(64) }
let (checkpoint, bundle, examples) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])

let progress: ProgressHandler = { event in
    switch event {
    case .ended(let stage, let result): print("\(stage): \(result)")
    case .warning(let text): print("warning: \(text)")
    case .began, .advanced, .note: break
    }
}

do {
    var conversion = Conversion(of: checkpoint, to: bundle, recipe: .standard(.fast))
    conversion.recipe.precisions = [2, 3, 4, 6]
    conversion.replacesOutput = true
    _ = try await conversion.run(progress: progress)

    var calibration = TaskCalibration(of: bundle, task: "answer", examples: examples)
    calibration.tolerance = 0.3
    let schedule = try await calibration.run(progress: progress)

    for row in try BundleReport(path: bundle).rows {
        print("\(row.precision) bits: \(row.bytesPerToken) bytes a token, perplexity \(row.perplexity ?? .nan)")
    }
    let model = try LanguageModel(path: bundle)
    let answer = try await model.answer("Who was Noah?", options: AnswerOptions(precision: .schedule(schedule.task)))
    print("\(answer.averageBits) bits on average: \(answer.text)")
} catch {
    print("error: \(error)")
    exit(1)
}
