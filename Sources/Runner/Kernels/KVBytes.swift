import Storage

/// Keys and values as bytes, each position of a head with a scale of its own: key = byte * scale / smoothing, value = byte * scale.
///
/// Of each head: keys [capacity / 16][headSize / 4, rounded up][16][4], values [capacity / 4][headSize, rounded up to 16][4],
/// scales [capacity]; and smoothing [2][headSize], factors of queries and their inverse, which keys are multiplied by before
/// they are stored: channels whose keys are always large would take the steps of all others (SmoothQuant, arXiv
/// 2211.10438, equation 3).
public struct KVBytes {
    public var keys: UnsafeMutablePointer<Int8>
    public var values: UnsafeMutablePointer<Int8>
    public var keyScales: UnsafeMutablePointer<Float>
    public var valueScales: UnsafeMutablePointer<Float>
    public var smoothing: UnsafePointer<Float>

    public init(
        keys: UnsafeMutablePointer<Int8>, values: UnsafeMutablePointer<Int8>, keyScales: UnsafeMutablePointer<Float>,
        valueScales: UnsafeMutablePointer<Float>, smoothing: UnsafePointer<Float>
    ) {
        self.keys = keys
        self.values = values
        self.keyScales = keyScales
        self.valueScales = valueScales
        self.smoothing = smoothing
    }

    /// Elements of a head whose sums fit 32 bits: 127 * 16256 each.
    public static let largestHead = 1024

    /// Bytes that a key, and a value, of one head takes, padding included.
    public static func keySize(_ headSize: Int) -> Int { roundedUp(headSize, to: 4) }
    public static func valueSize(_ headSize: Int) -> Int { roundedUp(headSize, to: 16) }

    /// One head's part.
    func head(_ head: Int, capacity: Int, headSize: Int) -> KVBytes {
        KVBytes(
            keys: keys + head * capacity * KVBytes.keySize(headSize),
            values: values + head * capacity * KVBytes.valueSize(headSize), keyScales: keyScales + head * capacity,
            valueScales: valueScales + head * capacity, smoothing: smoothing + head * 2 * headSize)
    }

    /// Element `index` of the key at a position, of one head's part.
    func key(_ index: Int, at position: Int, headSize: Int) -> Float {
        let block = KVLayer.positionBlock
        let start = position / block * block * KVBytes.keySize(headSize)
        let byte = keys[start + index / 4 * 4 * block + position % block * 4 + index % 4]
        return Float(byte) * keyScales[position] * smoothing[index]
    }

    func value(_ index: Int, at position: Int, headSize: Int) -> Float {
        let byte = values[(position / 4 * KVBytes.valueSize(headSize) + index) * 4 + position % 4]
        return Float(byte) * valueScales[position]
    }
}
