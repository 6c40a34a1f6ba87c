import Model
import Reference
import Storage

/// Mean square of every input channel of every linear layer, from the float model on calibration text; or, for the method
/// any-precision, the squared gradient of every weight.
struct SensitivityStage: ByteStage {
    static let kind = StageKind.sensitivity
    static let version = 3

    let model: ModelInput
    let text: TextInput
    let gradients: Bool

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let sequences = try text.sequences(workspace)
        let checkpoint = try model.open(workspace)
        let moments =
            gradients
            ? try GradientModel(WeightSource(checkpoint), threads: workspace.threads)
                .fisher(sequences) { workspace.update($0) }
            : try ReferenceModel(
                checkpoint, residency: .streamed, threads: workspace.threads, precision: .fastest
            )
            .inputMoments(sequences) { workspace.update($0) }
        var writer = ByteWriter()
        writer.u64(UInt64(moments.count))
        for name in moments.keys.sorted() {
            guard moments[name]?.allSatisfy(\.isFinite) != false else {
                throw TaperError(
                    .badData, "the activations on the calibration text are not finite", at: name,
                    remedy: "The checkpoint's weights are damaged, or too large to compute with")
            }
            writer.u32(UInt32(name.utf8.count))
            writer.string(name)
            writer.floats(moments[name] ?? [])
        }
        return writer.bytes
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> [String: [Float]] {
        try bytes.withBytes { raw throws(TaperError) -> [String: [Float]] in
            var reader = ByteReader(raw, place: "stored sensitivity")
            var all: [String: [Float]] = [:]
            for _ in 0..<(try reader.count("tensors", limit: 1 << 20)) {
                let name = try reader.string(Int(try reader.u32("name length")), "name")
                all[name] = try reader.floats("values")
            }
            return all
        }
    }

    func outcome(_ output: [String: [Float]]) -> String? { "\(output.count) layers, " + text.text }
}
