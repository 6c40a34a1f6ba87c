/// Names of a bundle's sections (`formats/bundle.md`). A bundle may hold others, which readers pass over; nested tensors have
/// sections by group (`TensorSection`).
public enum SectionName {
    public static let manifest = "manifest"
    /// The tokenizer in its compact form.
    public static let tokenizer = "tokenizer"
    /// The chat template.
    public static let chat = "chat"
    /// Chat templates of the checkpoint, as they were published.
    public static let templates = "templates"
    /// The order of channels, where it is not the checkpoint's.
    public static let channels = "channels"
    /// Exponents by which keys and values are scaled.
    public static let powers = "powers"
    /// Texts that weights and schedules have seen.
    public static let texts = "texts"
    /// Mixed allocations between the whole precisions.
    public static let rungs = "rungs"
    public static let schedules = "schedules"
    /// Precision by need.
    public static let adaptive = "adaptive"
    /// Facts and evidence of the learned scheduler.
    public static let learned = "learned"
    /// The weights of all its pairs.
    public static let learnedWeights = "learned.weights"
    public static let quality = "quality"
    /// What so many leading bits of the head leave out of its logits.
    public static func headScreen(leadBits: Int) -> String { "head.screen." + String(leadBits) }
    public static func isHeadScreen(_ name: String) -> Bool {
        HeadScreenSection.leadBits.contains { name == headScreen(leadBits: $0) }
    }
    /// Vectors in single precision.
    static let vectors = "vectors"
    /// Matrices in bytes with a scale per row.
    static let bytes = "bytes"
    /// Weights of precision 16, of the linear layers only.
    static let half = "linear.half"
    /// Checksums of every section's blocks.
    static let checksums = "checksums"
}
