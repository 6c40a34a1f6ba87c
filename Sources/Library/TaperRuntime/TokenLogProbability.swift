internal import Decoding

/// How likely a token was among all of the vocabulary: by the model alone, before temperature, penalties, biases and filters.
public struct TokenLogProbability: Hashable, Sendable {
    /// A token that could have stood in its place.
    public struct Alternative: Hashable, Sendable {
        public let token: Int
        /// Natural logarithm.
        public let logProbability: Double
    }

    public let token: Int
    /// Natural logarithm.
    public let logProbability: Double
    /// As many as asked for, likeliest first; the token itself where it is one of them.
    public let alternatives: [Alternative]
}

/// What is known of a distribution before its token has been drawn.
struct TokenRanking {
    private let sum: Double
    /// Likeliest first, among equals the smaller id.
    private let best: [(token: Int, logit: Float)]

    /// - Parameter count: of the likeliest tokens.
    init(_ logits: UnsafeBufferPointer<Float>, count: Int) {
        sum = Sampler.logarithmicSum(logits)
        var best: [(token: Int, logit: Float)] = []
        best.reserveCapacity(count + 1)
        let count = min(count, logits.count)
        var bound = -Float.infinity
        for token in 0..<(count == 0 ? 0 : logits.count) where best.count < count || logits[token] > bound {
            let logit = logits[token]
            var place = best.count
            while place > 0 && best[place - 1].logit < logit { place -= 1 }
            best.insert((token, logit), at: place)
            if best.count > count { best.removeLast() }
            if best.count == count { bound = best[count - 1].logit }
        }
        self.best = best
    }

    func of(_ token: Int, logit: Float) -> TokenLogProbability {
        TokenLogProbability(
            token: token, logProbability: Double(logit) - sum,
            alternatives: best.map { .init(token: $0.token, logProbability: Double($0.logit) - sum) })
    }
}
