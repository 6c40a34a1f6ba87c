import Model
import Storage

// Precision by need: steps at low precision, and at high precision again where they are unsure.
extension DecodeBatch {
    /// The next token; of an unsure step those that are read again, and the one to decide on, whose successor is then known, too.
    func appendAdapted(_ generation: Generation<Plan>, to rows: inout Rows<Executor.Sequence>) {
        guard let adaptation = generation.adaptation, let rule = generation.plan.adaptive else { return }
        // The unsure step is drawn from anew; what its successor needs is a part of that.
        let sampler = adaptation.unsure == nil ? generation.plan.sampler : adaptation.undo ?? generation.plan.sampler
        let bits = generation.pendingBits
        guard let unsure = adaptation.unsure else {
            return rows.append(
                generation.latestToken, to: generation.sequence, bits: bits, leading: max(2, sampler.leadingLogits),
                and: sampler.changedTokens)
        }
        let again = min(rule.reread, adaptation.lowRun)
        var inputs = Array((generation.tokens.suffix(again) + adaptation.held.map { $0.token }).suffix(again))
        generation.sequence.truncate(to: generation.sequence.position - again)
        let first = min(adaptation.firstReread, generation.stepCount + 1 - again)
        generation.adaptation?.firstReread = first
        if generation.hasStepAfterUnsure { inputs.append(unsure.token) }
        rows.append(
            inputs[...], to: generation.sequence, wanting: .all, bits: bits, leading: sampler.leadingLogits,
            and: sampler.changedTokens + [unsure.token])
    }

    func drawAdapted(_ generation: Generation<Plan>, _ row: LogitRow) {
        guard let rule = generation.plan.adaptive, let unsure = generation.adaptation?.unsure else {
            let undo = generation.plan.sampler
            generation.adaptation?.margin = margin(row.logits)
            generation.drawn = generation.plan.sampler.sample(row.logits)
            generation.adaptation?.undo = undo
            return
        }
        let again = min(rule.reread, generation.adaptation?.lowRun ?? 1)
        if row.token + 1 < again { return }
        let isFirst = row.token + 1 == again
        if isFirst {
            if let undo = generation.adaptation?.undo { generation.plan.sampler = undo }
            generation.adaptation?.decided.empty()
        } else if generation.adaptation?.decided.first?.token != unsure.token {
            return
        }
        var token = unsure.token
        if isFirst && rule.tolerance > 0 && row.logits[token] >= largest(row.logits) - rule.tolerance {
            generation.plan.sampler = unsure.sampler
        } else {
            token = generation.plan.sampler.sample(row.logits)
        }
        generation.adaptation?.decided.append(
            DrawnToken(token: token, bits: generation.pendingBits, sampler: generation.plan.sampler))
    }

    /// What a step gave: a token, one to decide on, or what was decided.
    func takeAdapted(_ generation: Generation<Plan>, _ onToken: (Generation<Plan>) -> Bool) {
        guard let adaptation = generation.adaptation, let rule = generation.plan.adaptive else { return }
        guard let unsure = adaptation.unsure else {
            generation.count(rule)
            if adaptation.margin < rule.margin && generation.pendingBits == rule.low && rule.low < generation.highBits {
                generation.adaptation?.unsure = DrawnToken(
                    token: generation.drawn, bits: generation.pendingBits, sampler: generation.plan.sampler)
                return
            }
            return take(generation, onToken)
        }
        let decided = adaptation.decided
        let isKept = decided.first?.token == unsure.token
        generation.adaptation?.unsure = nil
        generation.adaptation?.counts.looks += 1
        generation.adaptation?.counts.addRead(at: generation.pendingBits)
        generation.adaptation?.lowRun = 0
        if isKept { generation.adaptation?.counts.kept += 1 } else { generation.adaptation?.holdLeft = rule.holdSteps }
        if generation.hasStepAfter(unsure.token) && decided.count < 2 {
            generation.sequence.truncate(to: generation.sequence.position - 1)
        }
        let rescues = adaptation.counts.rescues
        for item in decided {
            (generation.drawn, generation.plan.sampler) = (item.token, item.sampler)
            take(generation, onToken)
            if generation.stopReason != nil || generation.adaptation?.counts.rescues != rescues { return }
        }
    }

    /// What becomes of the token that was drawn; one that may be part of a loop is kept back.
    private func take(_ generation: Generation<Plan>, _ onToken: (Generation<Plan>) -> Bool) {
        let latest = DrawnToken(
            token: generation.drawn, bits: generation.pendingBits, sampler: generation.plan.sampler)
        let isLast = !generation.hasStepAfter(latest.token)
        let verdict = generation.adaptation?.watch.append(latest.token) ?? .free
        if verdict == .loop && !isLast && generation.adaptation?.held.isEmpty == false { return generation.rescue() }
        if verdict == .suspect && !isLast {
            generation.adaptation?.held.append(latest)
            return
        }
        let told = (generation.adaptation?.held ?? []) + [latest]
        generation.adaptation?.held.empty()
        for item in told {
            (generation.drawn, generation.plan.sampler) = (item.token, item.sampler)
            generation.bitsPerStep.append(item.bits)
            take(generation, at: generation.promptEnd + generation.tokens.count, onToken)
            if generation.stopReason != nil { return generation.forgetUntold() }
        }
        generation.adaptation?.toldSampler = latest.sampler
    }
}

extension Generation {
    /// The highest precision that its next step may have but for a loop.
    fileprivate var highBits: Precision { plan.bits(atStep: stepCount) }

    /// Precision of the step to come.
    var nextBits: Precision {
        let high = highBits
        guard let adaptation, let rule = plan.adaptive else { return high }
        if adaptation.rescueLeft > 0 { return max(high, rule.rescue) }
        if adaptation.unsure != nil || adaptation.holdLeft > 0 || stepCount < rule.openingSteps { return high }
        return min(high, rule.low)
    }

    fileprivate func count(_ rule: AdaptiveRule) {
        guard var adaptation else { return }
        adaptation.counts.addRead(at: pendingBits)
        if adaptation.rescueLeft > 0 {
            adaptation.rescueLeft -= 1
            adaptation.counts.rescueSteps += 1
        } else if pendingBits == rule.low {
            adaptation.counts.lowSteps += 1
        } else {
            if adaptation.holdLeft > 0 { adaptation.holdLeft -= 1 }
            adaptation.counts.highSteps += 1
        }
        adaptation.lowRun = pendingBits == rule.low ? adaptation.lowRun + 1 : 0
        self.adaptation = adaptation
    }

    /// Whether a token would be read, were it taken.
    fileprivate func hasStepAfter(_ token: Int) -> Bool {
        let count = tokens.count + (adaptation?.held.count ?? 0)
        return !stopTokens.contains(token) && count + 1 < limit && promptEnd + count < sequence.capacity
    }
    fileprivate var hasStepAfterUnsure: Bool { adaptation?.unsure.map { hasStepAfter($0.token) } ?? false }

    /// Goes back to where the loop began.
    fileprivate func rescue() {
        let count = adaptation?.held.count ?? 0
        forgetUntold()
        adaptation?.rescueLeft = count
        adaptation?.lowRun = 0
        adaptation?.watch.restart(tokens)
        adaptation?.counts.rescues += 1
        if let adaptation { plan.sampler = adaptation.toldSampler }
    }

    /// As if what nobody has heard of had not been drawn.
    func takeBack() {
        guard let adaptation, adaptation.unsure != nil || !adaptation.held.isEmpty else { return }
        plan.sampler = adaptation.toldSampler
        forgetUntold()
    }

    /// The sequence holds all told tokens but the last, or all where a stop token came after it.
    func forgetUntold() {
        guard adaptation != nil else { return }
        adaptation?.held.empty()
        adaptation?.unsure = nil
        let end = promptEnd + tokens.count - (stopReason == .endOfSequence ? 0 : 1)
        sequence.truncate(to: min(end, sequence.position))
    }
}

/// The largest of `logits`.
private func largest(_ logits: UnsafeMutableBufferPointer<Float>) -> Float {
    logits[Sampler.likeliest(UnsafeBufferPointer(logits))]
}
