// Schedules BUNDLE QUESTION: the same question with every way to spend bits that the bundle has.
import Foundation
import TaperRuntime

guard CommandLine.arguments.count == 3 else { exit(64) }
do {
    let model = try LanguageModel(path: CommandLine.arguments[1])
    var ways: [(name: String, choice: PrecisionChoice)] = [("automatic", .automatic)]
    ways += model.facts.precisions.map { ("\($0) bits", .fixed($0)) }
    ways += model.facts.schedules.map { ("schedule \($0.task)", .schedule($0.task)) }
    if let high = model.facts.precisions.last, let low = model.facts.precisions.first, low < high {
        ways.append(("from high to low", .switching([SwitchPoint(high, atStep: 0), SwitchPoint(low, atStep: 32)])))
    }
    for way in ways {
        let answer = try await model.answer(
            CommandLine.arguments[2], options: AnswerOptions(maxTokens: 48, precision: way.choice))
        let bits = String(format: "%.2f", answer.averageBits)
        let points = answer.switchPoints.map(\.description).joined(separator: ",")
        print("\(way.name): \(bits) bits on average (\(points)), \(Int(answer.bytesPerToken)) bytes a token")
        print("    \(answer.text)")
    }
} catch {
    print("error: \(error)")
    exit(1)
}
