import Storage

extension Sampler {
    /// Natural logarithm of the sum of e^logit: a token's log probability is its logit less this.
    public static func logarithmicSum(_ logits: UnsafeBufferPointer<Float>) -> Double {
        precondition(!logits.isEmpty, "no logits to add up")
        let largest = logits[likeliest(logits)]
        var total = 0.0
        for logit in logits { total += decay(logit, largest, 1) }
        return Double(largest) + logarithm(total)
    }
}
