/// SplitMix64 (Steele, Lea and Flood 2014): a short random sequence for every stream of a seed, and what seeds a
/// `RandomGenerator`. Inlined, because some callers fill gigabytes.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    @inlinable public init(state: UInt64) { self.state = state }

    @inlinable public init(seed: UInt64, stream: Int) {
        // Streams start at places that have nothing to do with each other.
        state = seed
        state = next() ^ UInt64(stream) &* 0xD1B5_4A32_D192_ED03
        state = next()
    }

    @inlinable public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
