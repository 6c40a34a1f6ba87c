// Ask BUNDLE QUESTION: an answer, as it is written.
import Foundation
import TaperRuntime

guard CommandLine.arguments.count == 3 else { exit(64) }
do {
    let model = try LanguageModel(path: CommandLine.arguments[1])
    for try await piece in model.stream(CommandLine.arguments[2]) {
        print(piece.text, terminator: "")
        fflush(nil)
    }
    print()
} catch {
    print("error: \(error)")
    exit(1)
}
