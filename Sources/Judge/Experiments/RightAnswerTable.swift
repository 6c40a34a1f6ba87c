import Scoring

/// Costs of one method's right answers.
public struct RightAnswers: Sendable {
    public let seconds: RightAnswerCost.Ratio?
    public let bytes: RightAnswerCost.Ratio?
    /// Over those of the constants whose right answers cost least; nil of these themselves.
    public let secondsOverBest: RightAnswerCost.Ratio?
    public let bytesOverBest: RightAnswerCost.Ratio?
}

/// What right answers cost under every method, and over the constants' whose right answers cost least: nobody who may choose his
/// precision would pay more.
public struct RightAnswerTable: Sendable {
    /// Place of the metric that tells right answers.
    public let metric: Int
    /// Places among the results of the constants that need least time, and fewest bytes; nil where no constant is ever right.
    public let fastest: Int?
    public let leanest: Int?
    /// In the order of the results; nil where costs are not known.
    public let rows: [RightAnswers?]

    package init(_ results: [MethodResult], metric: Int) {
        self.metric = metric
        let seconds = results.map { $0.rightAnswerCost(metric, of: \.seconds) }
        let bytes = results.map { $0.rightAnswerCost(metric, of: \.bytes) }
        func best(_ costs: [RightAnswerCost?]) -> Int? {
            var best: (place: Int, value: Double)?
            for (place, cost) in costs.enumerated() where results[place].kind == .constant {
                if let value = cost?.estimate?.value, value.isFinite, value < best?.value ?? .infinity {
                    best = (place, value)
                }
            }
            return best?.place
        }
        let (fastest, leanest) = (best(seconds), best(bytes))
        func over(_ costs: [RightAnswerCost?], _ place: Int, _ best: Int?) -> RightAnswerCost.Ratio? {
            guard let best, best != place, let other = costs[best] else { return nil }
            return costs[place]?.ratio(to: other)
        }
        self.fastest = fastest
        self.leanest = leanest
        rows = results.indices.map { place in
            guard seconds[place] != nil || bytes[place] != nil else { return nil }
            return RightAnswers(
                seconds: seconds[place]?.estimate, bytes: bytes[place]?.estimate,
                secondsOverBest: over(seconds, place, fastest), bytesOverBest: over(bytes, place, leanest))
        }
    }
}
