import Checkpoint
import Model
public import Storage

/// Refuses a stage that holds the whole float model where the machine cannot: better now than when the system kills it.
///
/// - Parameters:
///   - weights: of the whole model, embedding included.
///   - available: bytes; 0 when unknown, which lets everything pass.
/// - Throws: `usage`.
public func requireMemory(
    for stage: String, weights: Int, bytesPerWeight: Int, of available: Int, place: String, remedy: String
) throws(TaperError) {
    let (needed, overflow) = weights.multipliedReportingOverflow(by: bytesPerWeight)
    guard available > 0, overflow || needed > available else { return }
    throw TaperError(
        .usage, "\(stage) needs more memory than this machine has", at: place,
        expected: "a machine with " + (overflow ? "far more" : byteText(needed)), found: byteText(available),
        remedy: remedy)
}

extension Converter {
    func checkMemory(for stage: String, bytesPerWeight: Int, remedy: String) throws(TaperError) {
        try requireMemory(
            for: stage, weights: checkpoint.config.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) },
            bytesPerWeight: bytesPerWeight, of: machineMemoryBytes(), place: checkpoint.path, remedy: remedy)
    }
}
