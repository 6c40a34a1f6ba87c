import Model
import Storage

/// Cosines and sines of the rotary position embedding, filled only as far as positions have been used.
///
/// Two tables [capacity][rotary size / 2]: entry (p, i) belongs to the angle p * frequency_i (RoFormer eq. 15).
final class RopeTable {
    let pairs: Int
    private let cosines: UnsafeMutablePointer<Float>
    private let sines: UnsafeMutablePointer<Float>
    private let memory: MemoryBlock
    private let frequencies: [Double]
    private let magnitude: Double
    private let capacity: Int
    private var filled = 0

    /// - Throws: `inputOutput` when there is no memory for so many positions.
    init(_ rotation: Rotation, capacity: Int) throws(TaperError) {
        frequencies = rotation.frequencies()
        magnitude = rotation.magnitude
        pairs = frequencies.count
        self.capacity = capacity
        memory = try MemoryBlock(
            byteCount: checkedProduct([capacity, pairs, 8]) ?? Int.max,
            purpose: "the rotations of " + String(capacity) + " positions",
            remedy: "Use a smaller " + field("context_length"))
        cosines = memory.values(Float.self, count: capacity * pairs)
        sines = memory.values(Float.self, at: capacity * pairs * 4, count: capacity * pairs)
    }

    /// The rows of `count` positions from `first` on: [count][pairs] each.
    func rows(_ first: Int, count: Int) -> (cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>) {
        precondition(first >= 0 && first + count <= capacity, "position outside the context")
        while filled < first + count {
            for pair in 0..<pairs {
                let angle = Double(filled) * frequencies[pair]
                cosines[filled * pairs + pair] = Float(cosine(angle) * magnitude)
                sines[filled * pairs + pair] = Float(sine(angle) * magnitude)
            }
            filled += 1
        }
        return (UnsafePointer(cosines + first * pairs), UnsafePointer(sines + first * pairs))
    }
}
