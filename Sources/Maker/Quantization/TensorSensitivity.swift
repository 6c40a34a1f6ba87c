/// What reading one linear tensor at fewer bits costs.
public struct TensorSensitivity: Sendable {
    public let name: String
    /// Ascending precisions, the bytes that a product reads at each, and the estimated growth of KL(full || quantized) in
    /// nats per token when this tensor alone is quantized.
    public let bits: [Int]
    public let byteCounts: [Int]
    public let divergences: [Double]
    public let weightCount: Int

    public init(name: String, bits: [Int], byteCounts: [Int], divergences: [Double], weightCount: Int) {
        precondition(bits.count == byteCounts.count && bits.count == divergences.count, "one value per precision")
        self.name = name
        self.bits = bits
        self.byteCounts = byteCounts
        self.divergences = divergences
        self.weightCount = weightCount
    }
}
