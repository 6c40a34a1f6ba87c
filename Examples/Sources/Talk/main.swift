// Talk BUNDLE: every line of standard input is a message to two conversations, which go through the weights together. One follows
// the likeliest words, the other draws.
import Foundation
import TaperRuntime

guard CommandLine.arguments.count == 2 else { exit(64) }
do {
    let model = try LanguageModel(path: CommandLine.arguments[1])
    let sober = try model.conversation(dropsOldest: true)
    let lively = try model.conversation(dropsOldest: true)
    let drawn = AnswerOptions(maxTokens: 64, sampling: Sampling(temperature: 0.7, seed: 7))

    while let line = readLine() {
        async let first = sober.answer(to: line, options: AnswerOptions(maxTokens: 64))
        async let second = lively.answer(to: line, options: drawn)
        do {
            print("> \(line)\n\(try await first.text)\n\(try await second.text)")
        } catch let error as TaperError where error.code == .invalidData {
            // Too long for the context: both go on without the message.
            print("error: \(error)")
        }
    }
    print("\(await sober.messages.count) messages")
} catch {
    print("error: \(error)")
    exit(1)
}
