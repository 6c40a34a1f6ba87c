/// What a pass moves and computes.
public struct Work: Equatable, Sendable {
    /// Planes, bytes and halves of the blocks and the head.
    public var codeBytes = 0
    /// Centroid tables with their scales.
    public var tableBytes = 0
    /// Rows of the embedding.
    public var embeddingBytes = 0
    /// Keys and values that attention reads.
    public var cacheBytes = 0
    /// Keys and values of the pass's own tokens, written.
    public var writtenBytes = 0
    /// Norms' weights and biases.
    public var vectorBytes = 0
    public var weightMultiplications = 0
    public var cacheMultiplications = 0
    public var lookups = 0
    /// Of the vector unit.
    public var elementOperations = 0
    /// Energy of multiplications and look-ups.
    public var computingPicojoules = 0.0

    public init() {}

    /// What the runner counts as bytes of weights.
    public var weightBytes: Int { codeBytes + tableBytes + embeddingBytes }
    /// All that goes over the channel.
    public var movedBytes: Int { weightBytes + cacheBytes + writtenBytes + vectorBytes }
    public var multiplications: Int { weightMultiplications + cacheMultiplications }

    public static func += (left: inout Work, right: Work) {
        left.codeBytes += right.codeBytes
        left.tableBytes += right.tableBytes
        left.embeddingBytes += right.embeddingBytes
        left.cacheBytes += right.cacheBytes
        left.writtenBytes += right.writtenBytes
        left.vectorBytes += right.vectorBytes
        left.weightMultiplications += right.weightMultiplications
        left.cacheMultiplications += right.cacheMultiplications
        left.lookups += right.lookups
        left.elementOperations += right.elementOperations
        left.computingPicojoules += right.computingPicojoules
    }

    /// Energy in joules of this work in `seconds`.
    ///
    /// A byte that comes over the channel is written to the buffer and read from it; one that leaves is read.
    public func energy(on hardware: HardwareDescription, seconds: Double) -> Double {
        let buffered = 2 * (movedBytes - writtenBytes) + writtenBytes
        return 1e-12
            * (Double(movedBytes) * hardware.memory.picojoulesPerByte
                + Double(buffered) * hardware.buffer.picojoulesPerByte + computingPicojoules
                + Double(elementOperations) * hardware.vector.picojoules) + seconds * hardware.staticWatts
    }
}
