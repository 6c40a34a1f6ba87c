import Storage

/// Draws tokens from logits: bias, penalties, top-k, top-p, min-p, temperature, in this order.
///
/// Deterministic: the same settings, logits and history give the same tokens on every machine.
public struct Sampler: TokenSampler, Sendable {
    public let settings: SamplerSettings
    private var random: RandomGenerator
    /// Ring of the last `repeatLastN` tokens, and how often each token of the vocabulary occurs in it.
    private var recent: [Int] = []
    private var recentNext = 0
    private var counts: [Int32] = []
    private var candidates: [Candidate] = []

    struct Candidate: Sendable {
        var logit: Float
        var token: Int
        /// Likelier first; among equals the smaller id.
        func precedes(_ other: Candidate) -> Bool {
            logit > other.logit || (logit == other.logit && token < other.token)
        }
    }

    public init(_ settings: SamplerSettings) {
        self.settings = settings
        random = RandomGenerator(seed: settings.seed)
    }

    /// Tells the penalties about tokens that were not drawn here: the prompt.
    public mutating func observe(_ tokens: [Int]) {
        guard settings.penalizes else { return }
        for token in tokens.suffix(settings.repeatLastN) { remember(token) }
    }

    /// The next token for logits [vocabulary], which bias and penalties change.
    public mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        precondition(!logits.isEmpty, "no logits to sample from")
        if settings.adjusts { adjust(logits) }
        let token = draw(UnsafeBufferPointer(logits))
        if settings.penalizes { remember(token) }
        return token
    }

    /// Those that top-k leaves, or the one that wins. All others than the tokens that biases and penalties change stay as they are.
    public var leadingLogits: Int {
        guard settings.temperature > 0 else { return 1 }
        return settings.topK > 0 ? settings.topK : Int.max
    }

    public var changedTokens: [Int] {
        (settings.penalizes ? recent : []) + settings.logitBias.map { $0.token }
    }

    public var changesDrawnTokens: Bool { settings.penalizes }

    /// The same for logits that stay as they are.
    public mutating func sample(_ logits: UnsafeBufferPointer<Float>) -> Int {
        if settings.adjusts {
            var copy = Array(logits)
            return copy.withUnsafeMutableBufferPointer { sample($0) }
        }
        precondition(!logits.isEmpty, "no logits to sample from")
        return draw(logits)
    }

    // MARK: Bias and penalties

    private mutating func adjust(_ adjusted: UnsafeMutableBufferPointer<Float>) {
        for bias in settings.logitBias where bias.token < adjusted.count { adjusted[bias.token] += bias.value }
        // A count is negated once its token is done, so that repeated tokens are penalized once; then all turn back.
        for token in recent where token < adjusted.count && counts[token] > 0 {
            let count = Float(counts[token])
            var logit = adjusted[token]
            logit = logit > 0 ? logit / Float(settings.repeatPenalty) : logit * Float(settings.repeatPenalty)
            adjusted[token] = logit - count * Float(settings.frequencyPenalty) - Float(settings.presencePenalty)
            counts[token] = -counts[token]
        }
        for token in recent where token < counts.count && counts[token] < 0 { counts[token] = -counts[token] }
    }

    private mutating func remember(_ token: Int) {
        guard token >= 0 else { return }
        while counts.count <= token { counts.append(contentsOf: repeatElement(0, count: max(4096, counts.count))) }
        if recent.count < settings.repeatLastN {
            recent.append(token)
        } else {
            counts[recent[recentNext]] -= 1
            recent[recentNext] = token
            recentNext = (recentNext + 1) % recent.count
        }
        counts[token] += 1
    }

    // MARK: Filters and the draw

    private mutating func draw(_ logits: UnsafeBufferPointer<Float>) -> Int {
        let best = Sampler.likeliest(logits)
        guard settings.temperature > 0 else { return best }
        let largest = logits[best]
        guard largest.isFinite else { return best }
        let limitsCount = settings.topK > 0 && settings.topK < logits.count

        if !limitsCount && settings.topP >= 1 {
            // Nothing needs an order: min-p is a bound on the logit.
            return drawInOrder(logits, largest)
        }
        if limitsCount {
            selectTop(settings.topK, of: logits)
            if settings.topP < 1 { keepNucleus(of: sumOfCandidates(largest), largest) }
        } else {
            // Top-p alone: a few hundred tokens nearly always hold the nucleus, so select ever more until they do.
            var total = 0.0
            for logit in logits { total += decay(logit, largest, 1) }
            var count = 256
            while true {
                selectTop(min(count, logits.count), of: logits)
                if keepNucleus(of: total, largest) || count >= logits.count { break }
                count *= 8
            }
        }
        var kept = candidates.count
        if settings.minP > 0 {
            while kept > 1 && decay(candidates[kept - 1].logit, largest, 1) < settings.minP { kept -= 1 }
        }
        var total = 0.0
        for index in 0..<kept { total += decay(candidates[index].logit, largest, settings.temperature) }
        var left = random.uniform() * total
        for index in 0..<kept {
            left -= decay(candidates[index].logit, largest, settings.temperature)
            if left < 0 { return candidates[index].token }
        }
        return candidates[kept - 1].token
    }

    /// Without an order of likelihood: tokens in order of their ids.
    private mutating func drawInOrder(_ logits: UnsafeBufferPointer<Float>, _ largest: Float) -> Int {
        func weight(_ logit: Float) -> Double {
            if settings.minP > 0 && decay(logit, largest, 1) < settings.minP { return 0 }
            return decay(logit, largest, settings.temperature)
        }
        var total = 0.0
        for logit in logits { total += weight(logit) }
        var left = random.uniform() * total
        var last = 0
        for (token, logit) in logits.enumerated() {
            let share = weight(logit)
            if share > 0 { last = token }
            left -= share
            if left < 0 { return token }
        }
        return last
    }

    /// Index of the largest logit, the first among equals; a NaN never wins.
    package static func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var best = 0
        var value = -Float.infinity
        forEach(of: logits, above: &value) { index, value in
            best = index
            value = logits[index]
        }
        return best
    }

    /// Calls `body` with every index, in ascending order, whose logit is above `bound`, which `body` may raise. A vocabulary is
    /// long, and after its first part few of its logits are: 16 at a time are looked at together.
    @inline(__always)
    private static func forEach(
        of logits: UnsafeBufferPointer<Float>, from start: Int = 0, above bound: inout Float,
        _ body: (Int, inout Float) -> Void
    ) {
        typealias Lanes = SIMD16<Float>
        var index = start
        while index < logits.count {
            let end = min(index + Lanes.scalarCount, logits.count)
            if end - index == Lanes.scalarCount, let base = logits.baseAddress {
                let lanes = UnsafeRawPointer(base + index).loadUnaligned(as: Lanes.self)
                if !any(lanes .> Lanes(repeating: bound)) {
                    index = end
                    continue
                }
            }
            while index < end {
                if logits[index] > bound { body(index, &bound) }
                index += 1
            }
        }
    }

    /// Leaves the `count` likeliest tokens in `candidates`, likeliest first: one pass with a heap whose root is the worst.
    private mutating func selectTop(_ count: Int, of logits: UnsafeBufferPointer<Float>) {
        candidates.removeAll(keepingCapacity: true)
        candidates.reserveCapacity(count)
        for token in 0..<count {
            let logit = logits[token]
            candidates.append(Candidate(logit: logit.isNaN ? -.infinity : logit, token: token))
        }
        for root in stride(from: count / 2 - 1, through: 0, by: -1) { sink(root) }
        var bound = candidates[0].logit
        Sampler.forEach(of: logits, from: count, above: &bound) { token, bound in
            // Equal logits come in order of their ids, so the ones seen first stay.
            candidates[0] = Candidate(logit: logits[token], token: token)
            sink(0)
            bound = candidates[0].logit
        }
        candidates.sort { $0.precedes($1) }
    }

    /// Restores the heap below `root`: a parent never precedes its children.
    private mutating func sink(_ root: Int) {
        var parent = root
        let moving = candidates[parent]
        while true {
            var child = 2 * parent + 1
            if child >= candidates.count { break }
            if child + 1 < candidates.count && candidates[child].precedes(candidates[child + 1]) { child += 1 }
            if !moving.precedes(candidates[child]) { break }
            candidates[parent] = candidates[child]
            parent = child
        }
        candidates[parent] = moving
    }

    private func sumOfCandidates(_ largest: Float) -> Double {
        var total = 0.0
        for candidate in candidates { total += decay(candidate.logit, largest, 1) }
        return total
    }

    /// Cuts `candidates` after the token that brings their probability to top-p; false when they do not reach it.
    @discardableResult
    private mutating func keepNucleus(of total: Double, _ largest: Float) -> Bool {
        var sum = 0.0
        for index in 0..<candidates.count {
            sum += decay(candidates[index].logit, largest, 1)
            if sum >= settings.topP * total {
                candidates.removeLast(candidates.count - index - 1)
                return true
            }
        }
        return false
    }
}

/// e^((logit - largest) / temperature), without libm, whose last digit differs between machines.
func decay(_ logit: Float, _ largest: Float, _ temperature: Double) -> Double {
    let x = (Double(logit) - Double(largest)) / temperature
    // Also takes NaN out; e^-700 is near the smallest normal number.
    guard x > -700 else { return 0 }
    let exponent = (x * 1.4426950408889634).rounded()
    // ln 2 in two parts, so that the remainder, within +-0.35, is exact to double precision.
    let r = (x - exponent * 0.69314718036912382) - exponent * 1.9082149292705877e-10
    // Taylor's series in Horner's form; the rest after r^11 / 11! is below 1e-14.
    var series = r / 39_916_800 + 1.0 / 3_628_800
    series = series * r + 1.0 / 362_880
    series = series * r + 1.0 / 40_320
    series = series * r + 1.0 / 5_040
    series = series * r + 1.0 / 720
    series = series * r + 1.0 / 120
    series = series * r + 1.0 / 24
    series = series * r + 1.0 / 6
    series = series * r + 0.5
    series = (series * r + 1) * r + 1
    return series * Double(bitPattern: UInt64(1023 + Int(exponent)) << 52)
}
