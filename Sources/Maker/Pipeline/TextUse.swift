import Storage

/// What stages read calibration text for; each needs another amount of it.
package enum TextUse: CaseIterable {
    case arrange, statistics, head, tuning, screen, rungs

    /// Sequences of the text and their length, and at most how many of the model's own.
    func amount(_ recipe: Recipe, contextLength: Int) -> (count: Int, length: Int, ownLimit: Int) {
        let length = min(recipe.calibrationLength, contextLength)
        let count = recipe.calibrationSequences
        switch self {
        // Magnitudes need less than Hessians do.
        case .arrange: return (min(8, count), length, 8)
        case .statistics: return (count, length, .max)
        // The head has as many columns as any layer, but only one matrix waits for them.
        case .head: return (min(32, count), length, 32)
        case .tuning: return (recipe.tuningSequences, length, .max)
        case .screen, .rungs: return (RungText.sequences, min(RungText.length, contextLength), RungText.sequences)
        }
    }
}

/// What the model is asked to write.
struct OwnTextPlan {
    let starts: [[Int]]
    let length: Int
    let seed: Int
}
