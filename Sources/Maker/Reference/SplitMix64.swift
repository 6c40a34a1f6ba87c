/// SplitMix64 (Steele, Lea and Flood 2014): a short random sequence for every stream of a seed.
struct SplitMix64 {
    private var state: UInt64

    init(state: UInt64) { self.state = state }

    init(seed: UInt64, stream: Int) {
        // Streams start at places that have nothing to do with each other.
        state = seed
        state = next() ^ UInt64(stream) &* 0xD1B5_4A32_D192_ED03
        state = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 random bits.
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}
