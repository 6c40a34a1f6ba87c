public import Kernels
import Model
import Storage

/// Keys and values of the last layer at the latest positions, averaged over KV heads: what the learned scheduler sees of a
/// prompt. Keys have been turned by their positions.
public struct LayerStates: Sendable {
    public let headSize: Int
    public let positionCount: Int
    /// [positions / 16, rounded up][headSize][16], zero beyond the last position.
    public let keys: [Float]
    /// [positions][headSize]
    public let values: [Float]

    public init(headSize: Int, positionCount: Int, keys: [Float], values: [Float]) {
        precondition(
            keys.count == roundedUp(positionCount, to: LayerStates.block) * headSize
                && values.count == positionCount * headSize, "states do not match their shape")
        self.headSize = headSize
        self.positionCount = positionCount
        self.keys = keys
        self.values = values
    }

    /// Positions whose keys lie side by side.
    public static let block = KVLayer.positionBlock

    /// Products of `x`, [size], with every row, rows in blocks of 16 as `keys` are: [positions rounded up to 16].
    public static func products(
        _ x: UnsafePointer<Float>, _ blocks: UnsafePointer<Float>, size: Int, blockCount: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        let rows = UnsafeRawPointer(blocks)
        let result = UnsafeMutableRawPointer(out)
        for index in 0..<blockCount {
            var sum = SIMD16<Float>(repeating: 0)
            for element in 0..<size {
                let row = rows.loadUnaligned(
                    fromByteOffset: (index * size + element) * 64, as: SIMD16<Float>.self)
                sum += row * x[element]
            }
            result.storeBytes(of: sum, toByteOffset: index * 64, as: SIMD16<Float>.self)
        }
    }

    /// out += the sum of all rows, [count][size], each times its weight.
    public static func addWeighted(
        _ weights: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, size: Int, count: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<count {
            let weight = weights[row]
            let values = rows + row * size
            for element in 0..<size { out[element] += weight * values[element] }
        }
    }
}

extension TokenSequence {
    /// The last layer's states at the latest of the first `positions` positions: at most `window` of them, a multiple of 16, and
    /// up to 15 fewer, so that they start at a multiple of 16.
    public func lastLayerStates(positions: Int, window: Int, pool: ThreadPool) -> LayerStates {
        precondition(positions <= position && window >= LayerStates.block, "no states at these positions")
        let start = roundedUp(max(0, positions - window), to: LayerStates.block)
        guard let layer = cache.layers.last else { preconditionFailure("a model has layers") }
        let (keys, values) = layer.average(start..<positions, pool: pool)
        return LayerStates(headSize: layer.headSize, positionCount: positions - start, keys: keys, values: values)
    }
}
