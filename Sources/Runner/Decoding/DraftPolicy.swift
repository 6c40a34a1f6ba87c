package import Model

/// Decides how far to draft: learns from the generation itself how often drafts of which margin are right, and what steps cost.
package struct DraftPolicy {
    /// Drafts by how far the likeliest token was ahead; then what was repeated from the text.
    private static let marginBins = 16
    package static let repeatedBin = marginBins
    /// Verifications after one that is not worth drafting for.
    private static let pause = 15
    /// What a further row costs a verification, as a share of it.
    private static let rowCost = 0.045

    private var right: [Double] = []
    private var tried: [Double] = []
    /// Seconds of a draft step, and of a step or verification.
    private var draftSeconds: Double?
    private var verifySeconds: Double?
    /// Share of drafts that were right, lately.
    private var average = 0.7
    /// Tokens that came in the time of a verification, lately.
    private var rate = 1.1
    private var pauseLeft = 0
    private var repeatsLeft = DraftPolicy.pause
    private let startingCost: Double

    package init(draftBits: Precision, bits: Precision) {
        startingCost = draftBits.bits / bits.bits
        for bin in 0...DraftPolicy.marginBins {
            // Before anything is known: half a logit is little, four are much.
            let margin = (Double(bin) + 0.5) / 2
            let prior = bin == DraftPolicy.repeatedBin ? 0.75 : margin / (margin + 0.5)
            tried.append(4)
            right.append(4 * prior)
        }
    }

    /// Half a logit wide.
    package static func bin(margin: Float) -> Int {
        margin >= 0 ? min(marginBins - 1, Int(min(margin, 1000) * 2)) : 0
    }

    package func probability(_ bin: Int) -> Double { right[bin] / tried[bin] }
    private var cost: Double {
        guard let draftSeconds, let verifySeconds, verifySeconds > 0 else { return startingCost }
        return draftSeconds / verifySeconds
    }

    /// Whether a draft is worth beginning; now and then one is begun anyway, since texts change.
    package mutating func begins() -> Bool {
        if pauseLeft > 0 {
            pauseLeft -= 1
            return false
        }
        if isWorth(average) { return true }
        pauseLeft = DraftPolicy.pause
        return true
    }

    /// Whether to draft another token after some that are all right with this probability.
    package func continues(after probability: Double) -> Bool { isWorth(probability * average) }

    private func isWorth(_ probability: Double) -> Bool { probability > rate * (cost + DraftPolicy.rowCost) }

    /// Tokens repeated from the text that are worth verifying; fewer than the model's drafts are right are none. Now and then one is
    /// tried anyway.
    package mutating func repeatedCount(limit: Int) -> Int {
        let each = probability(DraftPolicy.repeatedBin)
        if each < min(average, 0.8) {
            repeatsLeft -= 1
            guard repeatsLeft < 0 else { return 0 }
            repeatsLeft = DraftPolicy.pause
            return min(1, limit)
        }
        var (count, all) = (0, each)
        while count < limit, all > rate * DraftPolicy.rowCost * 2 {
            count += 1
            all *= each
        }
        return count
    }

    // MARK: What came of it

    package mutating func drafted(seconds: Double) { draftSeconds = lately(draftSeconds, seconds) }

    /// - Parameters:
    ///   - bins: of the drafts; the first `accepted` of them were right, and the one after them was not.
    ///   - tokens: that the step gave, in all.
    package mutating func verified(_ bins: [Int], accepted: Int, tokens: Int, draftSeconds: Double, seconds: Double) {
        for (index, bin) in bins.enumerated() where index <= accepted {
            tried[bin] += 1
            if index < accepted { right[bin] += 1 }
            if bin != DraftPolicy.repeatedBin { average = 0.95 * average + (index < accepted ? 0.05 : 0) }
            // Old evidence fades.
            if tried[bin] > 64 {
                tried[bin] /= 2
                right[bin] /= 2
            }
        }
        verifySeconds = lately(verifySeconds, seconds / (1 + DraftPolicy.rowCost * Double(bins.count)))
        if let verifySeconds, seconds > 0 {
            let now = Double(tokens) * verifySeconds / (draftSeconds + seconds)
            rate = max(0.5, 0.9 * rate + 0.1 * now)
        }
    }

    private func lately(_ mean: Double?, _ new: Double) -> Double { mean.map { 0.8 * $0 + 0.2 * new } ?? new }
}

/// The two largest of `logits`: how far the first is ahead.
package func margin(_ logits: UnsafeMutableBufferPointer<Float>) -> Float {
    var first = SIMD16<Float>(repeating: -.infinity)
    var second = first
    let raw = UnsafeRawPointer(logits.baseAddress)
    guard let raw else { return 0 }
    let whole = logits.count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
        let x = raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
        second.replace(with: x, where: x .> second)
        let swapped = second .> first
        let larger = first.replacing(with: second, where: swapped)
        second.replace(with: first, where: swapped)
        first = larger
    }
    var (best, next) = (-Float.infinity, -Float.infinity)
    func see(_ value: Float) {
        if value > best { (best, next) = (value, best) } else if value > next { next = value }
    }
    for lane in 0..<16 {
        see(first[lane])
        see(second[lane])
    }
    for index in whole..<logits.count { see(logits[index]) }
    return best - next
}
