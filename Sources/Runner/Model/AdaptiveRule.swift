/// Precision by need: the low precision writes, and where it is unsure, the high one reads the step again and decides.
///
/// Whether a step is unsure says the step itself: how far its likeliest token is ahead of the next one. The high precision also reads
/// the token it may keep, so that a step that is taken twice yields two tokens where it agrees.
public struct AdaptiveRule: Equatable, Sendable {
    public var low: Precision
    public var high: Precision
    /// Reads prompts.
    public var prefill: Precision
    /// A stretch that repeats itself without end is written again at this; `high` or more.
    public var rescue: Precision
    /// A step is unsure where the logits of its two likeliest tokens are apart by less than this, in nats.
    public var margin: Float
    /// The high precision keeps a token whose logit is below its largest by at most this, in nats; 0: its own choice alone.
    public var tolerance: Float
    /// Decode steps at the high precision, at the beginning.
    public var openingSteps: Int
    /// The same after a token that was not kept.
    public var holdSteps: Int
    /// Steps of the low precision that are read again together, the unsure one included, so that keys and values of the high precision
    /// take their places in the cache.
    public var reread: Int

    public static let mostSteps = 1 << 16
    public static let mostReread = 15

    public init(
        low: Precision, high: Precision, prefill: Precision, rescue: Precision, margin: Float, tolerance: Float,
        openingSteps: Int = 0, holdSteps: Int = 0, reread: Int = 1
    ) {
        precondition(low < high && high <= rescue, "precision by need goes from low to high")
        precondition(margin >= 0 && tolerance >= 0, "distances of logits")
        precondition(openingSteps >= 0 && holdSteps >= 0, "numbers of steps")
        precondition(
            (1...AdaptiveRule.mostReread).contains(reread), "the unsure step is read again, and a few before it")
        self.low = low
        self.high = high
        self.prefill = prefill
        self.rescue = rescue
        self.margin = margin
        self.tolerance = tolerance
        self.openingSteps = openingSteps
        self.holdSteps = holdSteps
        self.reread = reread
    }

    /// Every precision it names.
    public var precisions: [Precision] { [prefill, low, high, rescue] }

    /// "2 to 4 bits by need".
    public var text: String { low.text + " to " + high.text + " bits by need" }
}
