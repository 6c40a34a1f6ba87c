import Bundle
import Kernels
public import Model
public import Storage

/// A bundle of random codes in the shape of a model, for measuring speed without any weights.
public enum SyntheticBundle {
    /// Reads "hidden=2048,layers=22,heads=32,kv-heads=4,ffn=5632,vocab=32000"; also `head-size`, `context`, `tied=1`.
    /// - Throws: `usage` naming the first field that is unknown, missing or no number.
    public static func parse(_ text: String) throws(TaperError) -> ModelConfig {
        let place = field("synthetic")
        let known = ["hidden", "layers", "heads", "kv-heads", "ffn", "vocab", "head-size", "context", "tied"]
        var values: [String: Int] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = part.split(separator: "=", omittingEmptySubsequences: false).map { String($0) }
            guard fields.count == 2, known.contains(fields[0]), let value = Int(fields[1]), value >= 0 else {
                throw TaperError(
                    .usage, "not a dimension", at: place, expected: known.joined(separator: "=N, ") + "=N",
                    found: "\"" + printable(String(part)) + "\"")
            }
            guard values.updateValue(value, forKey: fields[0]) == nil else {
                throw TaperError(.usage, "a dimension is given twice", at: place, found: fields[0])
            }
        }
        func need(_ name: String) throws(TaperError) -> Int {
            if let value = values[name] { return value }
            throw TaperError(.usage, "a dimension is missing", at: place, expected: name + "=N")
        }
        let hidden = try need("hidden")
        let heads = try need("heads")
        guard heads > 0, hidden > 0 else { throw TaperError(.usage, "a dimension is zero", at: place) }
        let layers = try need("layers")
        do { try ModelConfig.checkLayerCount(layers, place: place) } catch {
            throw TaperError(.usage, error.message)
        }
        var config = ModelConfig(
            family: "llama", hiddenSize: hidden, intermediateSize: try need("ffn"), layerCount: layers,
            headCount: heads, kvHeadCount: values["kv-heads"] ?? heads,
            headSize: values["head-size"] ?? hidden / heads, vocabularySize: try need("vocab"),
            contextLength: values["context"] ?? 32768, normEpsilon: 1e-5, ropeTheta: 10000)
        config.tiedEmbeddings = (values["tied"] ?? 0) != 0
        do { try config.validate(place: place) } catch {
            throw TaperError(.usage, error.message)
        }
        return config
    }

    /// Writes the bundle: linear layers nested at `precisions`, embedding and head as bytes, vectors of ones. The scales keep
    /// activations near one, whatever the depth.
    /// - Throws: `cannotCreate`, `inputOutput`.
    public static func write(
        _ config: ModelConfig, precisions: [Int], to path: String, replacing: Bool
    ) throws(TaperError) {
        let tensors = config.tensorRequirements().map { need -> TensorPlan in
            let encoding: TensorPlan.Encoding =
                need.isLinear
                ? .nested(group: Manifest.linearGroup, precisions: precisions)
                : need.shape.count == 1 ? .float : .int8
            return TensorPlan(name: need.name, shape: need.shape, encoding: encoding)
        }
        let manifest = Manifest(
            model: config, precisions: precisions, tensors: tensors,
            provenance: .object([.init("source", .string("random codes"))]))
        let writer = try BundleWriter(
            path: path, replacing: replacing, manifest: manifest, tokenizer: nil, documents: [])
        var random = Random()
        for tensor in tensors {
            try Interrupt.check("Nothing was written")
            if tensor.shape.count == 1 {
                try writer.add(vector: [Float](repeating: 1, count: tensor.shape[0]), name: tensor.name)
                continue
            }
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            let padded = NestedLayout.paddedRows(rows)
            // Random bytes around 128 have a standard deviation of 74.
            let scale = 1 / (74 * Float(columns).squareRoot())
            let scales = (0..<padded).map { $0 < rows ? scale : 0 }
            if case .nested = tensor.encoding, let bits = precisions.last {
                try writer.add(
                    PackedMatrix(
                        name: tensor.name, rows: rows, columns: columns, bits: bits,
                        planes: (0..<NestedLayout.planeCount(bits: bits)).map { plane in
                            random.bytes(NestedLayout.planeByteCount(rows: rows, columns: columns, plane: plane))
                        },
                        tables: precisions.map {
                            PackedTable(bits: $0, entries: random.bytes(padded << $0), scales: scales)
                        }))
            } else {
                try writer.add(
                    PackedInt8(
                        name: tensor.name, rows: rows, columns: columns,
                        values: random.bytes(padded * NestedLayout.paddedColumns(columns)), scales: scales))
            }
        }
        try writer.finish()
    }

    /// Enough that no code is predictable, fast enough for gigabytes.
    private struct Random {
        private var random = SplitMix64(state: 0)
        mutating func bytes(_ count: Int) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                let raw = UnsafeMutableRawBufferPointer(buffer)
                var offset = 0
                while offset + 8 <= count {
                    raw.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
                    offset += 8
                }
                for index in offset..<count { raw[index] = UInt8(truncatingIfNeeded: random.next()) }
                initialized = count
            }
        }
    }
}
