import Bundle
import Checkpoint
import Kernels
import Model
import Quantization
import Storage

/// Lays all tensors out as one bundle, a tensor at a time. Its output is a file, which whoever asks for it has a place for; the
/// store keeps what it is made of.
struct PackStage: StageWork {
    static let kind = StageKind.pack
    static let version = 3

    /// Manifest and documents as JSON text.
    let manifest: [UInt8]
    let tokenizer: [UInt8]
    let sections: [String]
    let documents: [[UInt8]]
    let parts: [PackedPart]
    let tables: Artifact<TunedTables>?
    let range: Artifact<CacheScaling>
    let channels: Artifact<ChannelOrder>?

    /// - Parameter path: where it will be published; until then it stands beside.
    func write(
        to path: String, replacing: Bool, _ workspace: StageWorkspace
    ) throws(TaperError) -> BundleDraft {
        let place = "bundle to write"
        let manifest = try Manifest(json: try JSONValue.parse(manifest, place: place), place: place)
        var all: [(section: String, value: JSONValue)] = []
        for (section, document) in zip(sections, documents) {
            all.append((section, try JSONValue.parse(document, place: place)))
        }
        if let channels { all.append((SectionName.channels, try workspace.value(channels).json)) }
        let scaling = try workspace.value(range)
        if !scaling.changedLayers.isEmpty { all.append((SectionName.powers, scaling.json)) }
        let tuned = try tables.map { tables throws(TaperError) in try workspace.value(tables) }
        let writer = try BundleWriter(
            path: path, replacing: replacing, manifest: manifest, tokenizer: tokenizer, documents: all)
        for (index, part) in parts.enumerated() {
            try Interrupt.check("Run the same command again to go on")
            switch part {
            case .vector(let tensor): try writer.add(vector: try tensor.read(workspace), name: tensor.name)
            case .bytes(_, let codes): try writer.add(try workspace.value(codes))
            case .nested(let name, let codes, let half):
                let matrix = try workspace.value(codes)
                try writer.add(try tuned?.applied(to: matrix) ?? matrix)
                // Rounding is as quick as reading it back would be, so the store does not keep it.
                if let half {
                    try writer.add(
                        try roundToHalf(
                            name: name, weights: try half.read(workspace), rows: half.shape[0],
                            columns: half.shape[1], pool: workspace.pool))
                }
            }
            workspace.update(
                Double(index + 1) / Double(parts.count), TensorName.place(part.name, of: manifest.model))
        }
        return try writer.draft()
    }
}
