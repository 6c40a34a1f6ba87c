public import Bundle
import Kernels
public import Model
public import Reference
public import Storage

/// Dense-and-sparse decomposition (SqueezeLLM, Kim et al. 2024, section 4.2): all weights of the linear layers at a low
/// precision, and the most sensitive ones in full precision beside them.
///
/// A kept weight costs 32 bits: its value and its column, 16 bits each. Its dense code is read all the same. Sensitivity is the
/// second moment of the weight's input times the square of what the low precision changes it by: the growth of the layer's
/// output error, to first order. Weights are chosen over the whole model, not per layer.
public struct DenseSparse {
    /// Bits of a kept weight.
    public static let keptBits = 32
    public let dense: Precision
    /// Weights of the linear layers, and those of them that are kept.
    public let weightCount: Int
    public let keptCount: Int
    /// Bits per weight of the linear layers.
    public var averageBits: Double {
        dense.bits + Double(Self.keptBits) * Double(keptCount) / Double(max(1, weightCount))
    }
    /// Bytes of the sparse part: values, columns and the start of every row (4 bytes each).
    public let sparseByteCount: Int
    /// The float model's weights with the linear layers replaced; embedding, norms and head stay as they are.
    public let weights: WeightSource

    /// - Parameters:
    ///   - source: the full-precision weights.
    ///   - moments: mean square of every input channel by tensor name (`ReferenceModel.inputMoments`).
    ///   - averageBits: bits per weight to reach; weights are kept until it is reached.
    public init(
        bundle: Bundle, source: WeightSource, moments: [String: [Float]], dense: Precision, averageBits: Double
    ) throws(TaperError) {
        guard let bits = dense.wholeBits, bundle.manifest.precisions.contains(bits) else {
            throw TaperError(
                .usage, "the dense part needs a whole precision of the bundle", at: bundle.path,
                expected: "one of " + bundle.manifest.precisions.map(String.init).joined(separator: ", "),
                found: dense.text)
        }
        let layers = source.config.tensorRequirements().filter(\.isLinear)
        let weightCount = layers.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let share = min(1, max(0, (averageBits - dense.bits) / Double(Self.keptBits)))
        let wanted = Int((share * Double(weightCount)).rounded())
        let names = layers.map(\.name)
        let decomposition = Decomposition(bundle: bundle, source: source, moments: moments, bits: bits)
        let threshold = try decomposition.threshold(names, keeping: wanted)
        var kept = 0
        for name in names {
            for value in try decomposition.sensitivities(name) where value.bitPattern >= threshold { kept += 1 }
        }
        self.dense = dense
        self.weightCount = weightCount
        keptCount = kept
        let rowCount = layers.reduce(0) { $0 + $1.shape[0] }
        sparseByteCount = kept == 0 ? 0 : kept * Self.keptBits / 8 + rowCount * 4
        let known = Set(names)
        weights = source.replacing { name throws(TaperError) in
            known.contains(name) ? try decomposition.combined(name, threshold: threshold) : nil
        }
    }
}

/// Full and low-precision weights of one model side by side.
private struct Decomposition {
    let bundle: Bundle
    let source: WeightSource
    let moments: [String: [Float]]
    let bits: Int

    /// Row-major weights at the low precision.
    func dense(_ name: String) throws(TaperError) -> [Float] {
        let matrix = try bundle.weights(name)
        let pool = try ThreadPool(threadCount: 1)
        return [Float](unsafeUninitializedCapacity: matrix.rows * matrix.columns) { buffer, count in
            if let base = buffer.baseAddress {
                for row in 0..<matrix.rows {
                    matrix.dequantizeRow(row, bits: bits, into: base + row * matrix.columns, pool: pool)
                }
            }
            count = matrix.rows * matrix.columns
        }
    }

    /// Row-major sensitivities; none is negative.
    func sensitivities(_ name: String) throws(TaperError) -> [Float] {
        try combine(name) { low, full, moment in moment * (full - low) * (full - low) }
    }

    /// Row-major weights: the full one where the sensitivity reaches the threshold, else the dense one.
    func combined(_ name: String, threshold: UInt32) throws(TaperError) -> [Float] {
        try combine(name) { low, full, moment in
            (moment * (full - low) * (full - low)).bitPattern >= threshold ? full : low
        }
    }

    private func combine(
        _ name: String, _ body: (_ low: Float, _ full: Float, _ moment: Float) -> Float
    ) throws(TaperError) -> [Float] {
        var values = try dense(name)
        let full = try source.read(name)
        guard full.count == values.count, let moment = moments[name], !moment.isEmpty,
            values.count % moment.count == 0
        else {
            throw TaperError(
                .badData, "the checkpoint's weights do not match the bundle's", at: name,
                expected: "\(values.count) weights", found: "\(full.count)")
        }
        values.withUnsafeMutableBufferPointer { values in
            full.withUnsafeBufferPointer { full in
                moment.withUnsafeBufferPointer { moment in
                    for row in stride(from: 0, to: values.count, by: moment.count) {
                        for column in 0..<moment.count {
                            let index = row + column
                            values[index] = body(values[index], full[index], moment[column])
                        }
                    }
                }
            }
        }
        return values
    }

    /// Bit pattern of the smallest sensitivity that is kept. Patterns of floats that are not negative have the floats' order,
    /// so two counts, of the upper and of the lower halves, find it.
    func threshold(_ names: [String], keeping wanted: Int) throws(TaperError) -> UInt32 {
        guard wanted > 0 else { return UInt32.max }
        var prefix: UInt32?
        var above = 0
        for shift in [16, 0] as [UInt32] {
            var counts = [Int](repeating: 0, count: 1 << 16)
            for name in names {
                let values = try sensitivities(name)
                for value in values {
                    if let prefix, value.bitPattern >> 16 != prefix { continue }
                    counts[Int(value.bitPattern >> shift & 0xffff)] += 1
                }
            }
            var bucket = counts.count - 1
            while bucket > 0, above + counts[bucket] < wanted {
                above += counts[bucket]
                bucket -= 1
            }
            if let prefix { return prefix << 16 | UInt32(bucket) }
            prefix = UInt32(bucket)
        }
        return 0
    }
}
