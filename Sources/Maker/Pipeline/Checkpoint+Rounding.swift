import Checkpoint
import Storage

extension Checkpoint {
    /// What is to be said of weights that somebody has quantized before.
    var roundingWarnings: [String] {
        let plain = ["F32", "F16", "BF16"]
        let bytes = (metadata["dtypes"]?.members ?? []).filter { !plain.contains($0.key) }.map {
            (name: $0.key, count: $0.value["bytes"]?.integer ?? 0)
        }
        guard !bytes.isEmpty else { return [] }
        let names = bytes.sorted { ($1.count, $0.name) < ($0.count, $1.name) }.map(\.name)
        return [
            "the file is quantized already (" + names.joined(separator: ", ")
                + "): the bundle can be no better than it, and \"full precision\" in its figures means this file. "
                + "Convert the original checkpoint where there is one"
        ]
    }
}
