import Bundle
import Runtime

/// Which confidence a classifier's choices need, so that they cost no more quality than allowed.
///
/// A label says how many high-precision steps are enough, so choosing too few costs quality and too many only bits. The
/// likeliest class weighs both alike: where a quarter of the prompts can do without any, it may take none for all.
/// So the choice is the least class that is enough with some confidence, and the confidence is what is calibrated.
public enum SwitchConfidence {
    /// The least confidence such that with it and every larger one the mean score is within `tolerance` of always-high; 1 when
    /// none is.
    ///
    /// - Parameter shares: [outcomes][classes], by classifiers that have not seen the outcome.
    public static func calibrate(_ outcomes: [SwitchOutcome], _ shares: [[Float]], tolerance: Double) -> Float {
        let high = mean(outcomes) { $0.scores.count - 1 }
        // A choice changes where a confidence passes one of the cumulative likelihoods.
        var candidates: Set<Float> = [0]
        for row in shares {
            var sum: Float = 0
            for share in row.dropLast() {
                sum += share
                if sum < 1 { candidates.insert(sum) }
            }
        }
        var best: Float = 1
        for candidate in candidates.sorted(by: >) {
            var index = -1
            let score = mean(outcomes) { _ in
                index += 1
                return LearnedScheduler.choice(shares[index], confidence: candidate)
            }
            guard score >= high - tolerance else { break }
            best = candidate
        }
        return best
    }

    private static func mean(_ outcomes: [SwitchOutcome], _ choice: (SwitchOutcome) -> Int) -> Double {
        outcomes.reduce(0) { $0 + $1.scores[choice($1)] } / Double(max(outcomes.count, 1))
    }

    /// The class of every outcome, with the confidence that the outcomes of all other folds ask for.
    public static func crossFitted(
        _ outcomes: [SwitchOutcome], _ shares: [[Float]], folds: [Int], tolerance: Double
    ) -> [Int] {
        var confidences: [Int: Float] = [:]
        for fold in Set(folds) {
            let others = outcomes.indices.filter { folds[$0] != fold }
            confidences[fold] = calibrate(others.map { outcomes[$0] }, others.map { shares[$0] }, tolerance: tolerance)
        }
        return outcomes.indices.map { index in
            let confidence = confidences[folds[index]] ?? 1
            return confidence >= 1
                ? outcomes[index].scores.count - 1 : LearnedScheduler.choice(shares[index], confidence: confidence)
        }
    }
}
