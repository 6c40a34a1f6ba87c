public import Storage

/// How much text a sequence holds, and what happens to more: an error, or the oldest goes. Nothing is ever cut in silence.
public struct ContextRoom: Sendable {
    /// Positions of the sequence.
    public let capacity: Int
    /// New tokens that room is kept for; negative for no limit.
    public let maxNewTokens: Int
    public let dropsOldest: Bool
    /// What whoever reads the error can do.
    private let remedy: String

    public init(capacity: Int, maxNewTokens: Int, dropsOldest: Bool, remedy: String) {
        self.capacity = capacity
        self.maxNewTokens = maxNewTokens
        self.dropsOldest = dropsOldest
        self.remedy = remedy
    }

    /// Where the oldest tokens of a prompt may go, drops those that leave no room for the answer; a leading start token stays.
    /// - Returns: how many were dropped.
    /// - Throws: `badData` for a prompt that does not fit.
    public func fit(_ tokens: inout [Int], startToken: Int?) throws(TaperError) -> Int {
        let room = capacity - min(max(1, maxNewTokens), capacity / 2)
        guard dropsOldest, tokens.count > room else {
            try check(tokens)
            return 0
        }
        let dropped = tokens.count - room
        let keepsStart = tokens.first == startToken && room > 1
        tokens.removeSubrange(keepsStart ? 1..<dropped + 1 : 0..<dropped)
        return dropped
    }

    /// - Throws: `badData` for a prompt that does not fit.
    public func check(_ tokens: [Int]) throws(TaperError) {
        guard tokens.count <= capacity else {
            throw problem("the text does not fit the context", at: "prompt", atMost: capacity, tokens.count)
        }
    }

    func problem(_ what: String, at place: String, atMost limit: Int, _ count: Int) -> TaperError {
        TaperError(
            .badData, what, at: place, expected: "at most " + String(limit) + " tokens", found: String(count),
            remedy: remedy)
    }
}
