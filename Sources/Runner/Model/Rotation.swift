public import Storage

/// Rotary position embeddings of a layer's queries and keys (RoFormer, arXiv 2104.09864).
public struct Rotation: Equatable, Sendable {
    public var theta: Double
    /// Leading elements of each head that turn, as pairs (i, i + size / 2); even.
    public var size: Int
    public var scaling: Scaling

    /// Changes of the frequencies for contexts longer than the trained one.
    public enum Scaling: Equatable, Sendable {
        case none
        /// Positions divided by `factor`.
        case linear(factor: Double)
        /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth ramp between.
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalContext: Double)
        case yarn(YaRN)
        /// Every pair's frequency divided by a number of its own, [size / 2], and cosines and sines multiplied by one
        /// (LongRoPE, arXiv 2402.13753).
        case perPair(divisors: [Double], magnitude: Double)
    }

    public init(theta: Double, size: Int, scaling: Scaling = .none) {
        self.theta = theta
        self.size = size
        self.scaling = scaling
    }

    /// Turn per position of pair i, i in 0 ..< size / 2, in radians: theta^(-2i / size), then scaled (RoFormer eq. 15;
    /// Llama 3.1 for the ramp).
    public func frequencies() -> [Double] {
        (0..<size / 2).map { pair in
            let base = 1 / power(theta, Double(2 * pair) / Double(size))
            switch scaling {
            case .none: return base
            case .linear(let factor): return base / factor
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / base
                if wavelength < original / high { return base }
                if wavelength > original / low { return base / factor }
                let smooth = (original / wavelength - low) / (high - low)
                return (1 - smooth) * base / factor + smooth * base
            case .yarn(let yarn):
                let share = yarn.divided(pair, theta: theta, size: size)
                return base * (1 - share) + base / yarn.factor * share
            case .perPair(let divisors, _): return base / divisors[pair]
            }
        }
    }

    /// What cosines and sines are multiplied by, so that scores grow by its square.
    public var magnitude: Double {
        switch scaling {
        case .yarn(let yarn): yarn.attentionFactor
        case .perPair(_, let magnitude): magnitude
        case .none, .linear, .llama3: 1
        }
    }

    /// - Throws: `badData` for what no rotation can be.
    public func validate(headSize: Int, place: String) throws(TaperError) {
        guard size >= 2, size <= headSize, size % 2 == 0 else {
            throw TaperError(
                .badData, "the rotary size must be even and at most head_dim", at: place,
                expected: "an even number from 2 to " + String(headSize), found: String(size))
        }
        guard theta.isFinite, theta > 1 else {
            throw TaperError(
                .badData, "rope_theta is out of range", at: place, expected: "a finite number above 1",
                found: shortest(theta))
        }
        // Far beyond all that is published, and near enough for frequencies to stay numbers.
        func check(_ value: Double, _ key: String) throws(TaperError) {
            guard value >= 1e-6, value <= 1e9 else {
                throw TaperError(
                    .badData, key + " of rope_scaling is out of range", at: place,
                    expected: "0.000001 to 1000000000", found: shortest(value))
            }
        }
        func check(_ value: Double, _ key: String, above: Double, _ lower: String) throws(TaperError) {
            try check(value, key)
            try check(above, lower)
            guard value > above else {
                throw TaperError(
                    .badData, key + " of rope_scaling is out of range", at: place,
                    expected: "more than " + lower + ", " + shortest(above), found: shortest(value))
            }
        }
        switch scaling {
        case .none: break
        case .linear(let factor): try check(factor, "factor")
        case .llama3(let factor, let low, let high, let original):
            try check(factor, "factor")
            try check(original, "original_max_position_embeddings")
            try check(high, "high_freq_factor", above: low, "low_freq_factor")
        case .yarn(let yarn):
            try check(yarn.factor, "factor")
            try check(yarn.originalContext, "original_max_position_embeddings")
            try check(yarn.betaFast, "beta_fast", above: yarn.betaSlow, "beta_slow")
            try check(yarn.attentionFactor, "attention_factor")
        case .perPair(let divisors, let magnitude):
            guard divisors.count == size / 2 else {
                throw TaperError(
                    .badData, "rope_scaling has not one factor for each pair", at: place, expected: String(size / 2),
                    found: String(divisors.count))
            }
            for divisor in divisors { try check(divisor, "a factor") }
            try check(magnitude, "attention_factor")
        }
    }
}

/// YaRN (arXiv 2309.00071, section 3.2): frequencies that turn rarely within the original context are divided by `factor`,
/// those that turn often are kept, and scores are sharpened.
public struct YaRN: Equatable, Sendable {
    public var factor: Double
    public var originalContext: Double
    /// Turns within the original context above which a frequency is kept, and below which it is divided in full.
    public var betaFast: Double
    public var betaSlow: Double
    /// Of cosines and sines.
    public var attentionFactor: Double
    /// Both ends of the ramp stand at whole pairs.
    public var truncates: Bool

    /// - Parameter attentionFactor: nil for the paper's, 0.1 ln(factor) + 1 (eq. 22).
    public init(
        factor: Double, originalContext: Double, betaFast: Double = 32, betaSlow: Double = 1,
        attentionFactor: Double? = nil, truncates: Bool = true
    ) {
        self.factor = factor
        self.originalContext = originalContext
        self.betaFast = betaFast
        self.betaSlow = betaSlow
        self.attentionFactor = attentionFactor ?? YaRN.sharpening(factor)
        self.truncates = truncates
    }

    /// 0.1 scale ln(factor) + 1, and 1 where nothing is stretched.
    public static func sharpening(_ factor: Double, scale: Double = 1) -> Double {
        factor <= 1 ? 1 : 0.1 * scale * logarithm(factor) + 1
    }

    /// How far pair i is divided by `factor`: 0 not at all, 1 in full.
    func divided(_ pair: Int, theta: Double, size: Int) -> Double {
        /// The pair, as a fraction, that turns so often within the original context.
        func place(_ turns: Double) -> Double {
            Double(size) * logarithm(originalContext / (turns * 2 * Double.pi)) / (2 * logarithm(theta))
        }
        var low = place(betaFast)
        var high = place(betaSlow)
        if truncates {
            low = low.rounded(.down)
            high = high.rounded(.up)
        }
        low = max(low, 0)
        high = min(high, Double(size - 1))
        if low == high { high += 0.001 }
        return min(1, max(0, (Double(pair) - low) / (high - low)))
    }
}
