import Storage

/// Sizes of a switch classifier, and where its weights stand among all of them, [weightCount] floats in this order:
/// query [queries][kvHeads][headSize], norm weight and bias [width] each, hidden weight [hidden][width] and bias [hidden],
/// output weight [classes][hidden] and bias [classes].
public struct ClassifierShape: Equatable, Sendable {
    public let kvHeads: Int
    public let headSize: Int
    /// Queries per KV head, over whose results the mean is taken.
    public let queries: Int
    public let hidden: Int

    /// High-precision steps to choose from: none, a third, two thirds, all.
    public static let classCount = 4
    static let queryLimit = 64
    static let hiddenLimit = 1024

    public init(kvHeads: Int, headSize: Int, queries: Int, hidden: Int) {
        precondition(kvHeads > 0 && headSize > 0 && queries > 0 && hidden > 0, "a classifier without weights")
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.queries = queries
        self.hidden = hidden
    }

    /// Elements of what the queries find, all heads together.
    public var width: Int { kvHeads * headSize }
    public var normWeight: Int { queries * width }
    public var normBias: Int { normWeight + width }
    public var hiddenWeight: Int { normBias + width }
    public var hiddenBias: Int { hiddenWeight + hidden * width }
    public var outputWeight: Int { hiddenBias + hidden }
    public var outputBias: Int { outputWeight + ClassifierShape.classCount * hidden }
    public var weightCount: Int { outputBias + ClassifierShape.classCount }
}
