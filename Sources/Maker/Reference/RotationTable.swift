import Model
import Storage

/// Cosines and sines of rotary position embeddings, [positions][pairs] each (Su et al. 2021, eq. 15).
struct RotationTable {
    let pairs: Int
    let positionCount: Int
    let cosines: [Float]
    let sines: [Float]
    /// For turning back.
    let negatedSines: [Float]

    init(_ config: ModelConfig) {
        pairs = config.rotarySize / 2
        positionCount = min(config.contextLength, 1 << 15)
        let frequencies = config.ropeFrequencies()
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(positionCount * pairs)
        sines.reserveCapacity(positionCount * pairs)
        for position in 0..<positionCount {
            for frequency in frequencies {
                cosines.append(Float(cosine(Double(position) * frequency)))
                sines.append(Float(sine(Double(position) * frequency)))
            }
        }
        self.cosines = cosines
        self.sines = sines
        negatedSines = sines.map { -$0 }
    }
}
