import Checkpoint
import Storage

/// Brings keys and values into the range of half precision by exact powers of two, where the weights say that they could
/// leave it. Nearly every model stays as it is.
struct RangeStage: ByteStage {
    static let kind = StageKind.range
    static let version = 1

    /// Of the tensors that decide.
    let model: ModelInput

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        try CacheScaling(fitting: try model.open(workspace)) { workspace.update($0) }.json.bytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> CacheScaling {
        try CacheScaling(
            json: try JSONValue.parse(bytes, place: "stored powers"), config: model.config, place: "stored powers")
    }

    func outcome(_ output: CacheScaling) -> String? {
        let layers = output.changedLayers
        guard let first = layers.first else { return "keys and values fit half precision" }
        return "keys or values of \(layers.count) of \(output.blocks.count) layers, from layer \(first) on, leave half "
            + "precision: divided by powers of two, which the queries or the output projection take back"
    }
}
