internal import Foundation
internal import Storage
internal import TaperRuntime

/// Runs long work on a thread of its own, and stops it when the task is cancelled.
func onOwnThread<R: Sendable>(
    _ work: @escaping @Sendable () throws(ModuleError) -> R
) async throws(TaperRuntime.TaperError) -> R {
    let request = StopRequest()
    let result: Result<R, TaperRuntime.TaperError> = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                let result: Result<R, TaperRuntime.TaperError>
                do throws(ModuleError) {
                    result = .success(try request.heeded(by: work))
                } catch {
                    result = .failure(TaperRuntime.TaperError(error, word: word))
                }
                continuation.resume(returning: result)
            }
            // As much as a program's main thread has: chat templates are run by recursion.
            thread.stackSize = 8 << 20
            thread.start()
        }
    } onCancel: {
        request.stop()
    }
    return try result.get()
}

/// A text of the pipeline with its settings in the library's words.
func told(_ text: String) -> String { TaperRuntime.TaperError(ModuleError(.usage, text), word: word).what }

/// How users of the library set what the pipeline calls by these names, where that is not the same in Swift's spelling.
private func word(_ field: String) -> String? {
    switch field {
    case "force": "replacesOutput"
    case "restart": "restarts"
    case "work": "workFolder"
    case "allow_nonfinite": "allowsNonfinite"
    case "calibration": "calibrationText"
    case "generated": "ownSequences"
    case "chat_template": "chatFormat"
    default: nil
    }
}
