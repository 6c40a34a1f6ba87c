package import Checkpoint
package import Kernels
import Model
import Quantization
package import Runtime
package import Storage

/// A model's weights as bytes in memory, for the engine that runs bundles: nearly the model itself, in a quarter of its size.
package struct ByteModel {
    package let weights: TransformerWeights

    /// Reads the checkpoint tensor by tensor.
    /// - Throws: `inputOutput` without memory for the bytes; `badData` naming a weight that is not finite.
    package init(_ checkpoint: Checkpoint, pool: ThreadPool, progress: (Double) -> Void) throws(TaperError) {
        var blocks: [MemoryBlock] = []
        var matrices: [String: WeightMatrix] = [:]
        var vectors: [String: UnsafeBufferPointer<Float>] = [:]
        func take(_ byteCount: Int) throws(TaperError) -> MemoryBlock {
            // Pages of large blocks are large, too, and memory that is not there is said.
            let block = try MemoryBlock(
                byteCount: byteCount, dense: byteCount > 1 << 22, purpose: "the model's weights as bytes",
                remedy: ByteModel.remedy)
            blocks.append(block)
            return block
        }
        let required = checkpoint.config.tensorRequirements()
        for (index, need) in required.enumerated() {
            try Interrupt.check("Nothing was written")
            if need.shape.count == 1 {
                let values = try checkpoint.read(need.name)
                let memory = try take(4 * values.count).values(Float.self, count: values.count)
                memory.initialize(from: values, count: values.count)
                vectors[need.name] = UnsafeBufferPointer(start: memory, count: values.count)
            } else {
                let (rows, columns) = (need.shape[0], need.shape[1])
                let packed = try quantizeInt8(name: need.name, rows: rows, columns: columns, pool: pool) {
                    rows throws(TaperError) in
                    try checkpoint.read(need.name, rows: rows)
                }
                let block = try take(roundedUp(packed.values.count, to: 64) + 4 * packed.scales.count)
                let values = block.values(UInt8.self, count: packed.values.count)
                values.initialize(from: packed.values, count: packed.values.count)
                let scales = block.values(
                    Float.self, at: roundedUp(packed.values.count, to: 64), count: packed.scales.count)
                scales.initialize(from: packed.scales, count: packed.scales.count)
                matrices[need.name] = WeightMatrix(
                    .int8(Int8Matrix(rows: rows, columns: columns, values: values, scales: scales)))
            }
            progress(Double(index + 1) / Double(required.count))
        }
        weights = try TransformerWeights(checkpoint.config, in: blocks) { name throws(TaperError) in
            guard let matrix = matrices[name] else { throw ByteModel.missing(name) }
            return matrix
        } vector: { name throws(TaperError) in
            guard let vector = vectors[name] else { throw ByteModel.missing(name) }
            return vector
        }
    }

    private static let remedy = "Leave out the model's own text with \(field("generated")) 0"

    private static func missing(_ name: String) -> TaperError {
        TaperError(.internalFault, "the model needs a tensor that it does not name", at: name)
    }
}
