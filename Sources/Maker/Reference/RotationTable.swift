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

    init(_ rotation: Rotation, positionCount: Int) {
        pairs = rotation.size / 2
        self.positionCount = positionCount
        let (frequencies, magnitude) = (rotation.frequencies(), rotation.magnitude)
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(positionCount * pairs)
        sines.reserveCapacity(positionCount * pairs)
        for position in 0..<positionCount {
            for frequency in frequencies {
                cosines.append(Float(cosine(Double(position) * frequency) * magnitude))
                sines.append(Float(sine(Double(position) * frequency) * magnitude))
            }
        }
        self.cosines = cosines
        self.sines = sines
        negatedSines = sines.map { -$0 }
    }
}
