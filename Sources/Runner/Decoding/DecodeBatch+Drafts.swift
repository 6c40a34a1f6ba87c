import Model
import Storage

// A generation that is alone may be drafted ahead at low precision; its next step then verifies the drafts.
extension DecodeBatch {
    /// Drafts for the step that a generation waits for. What keeps drafts from being run, such as damage in planes that only they
    /// read, costs the drafts and nothing else.
    /// - Throws: an interrupt.
    func draftAlone(_ generation: Generation<Plan>) throws(TaperError) {
        guard generation.isDecoding, generation.pendingBits > 0, !generation.cannotDraft else { return }
        let position = generation.sequence.position
        do throws(TaperError) { try draft(generation) } catch {
            generation.dropDrafts()
            generation.sequence.truncate(to: min(position, generation.sequence.position))
            generation.cannotDraft = true
            if error.code == .interrupted {
                generation.end(.failed, error)
                retire()
                throw error
            }
        }
    }

    /// None where it is not worth it. The sequence stands where it stood.
    private func draft(_ generation: Generation<Plan>) throws(TaperError) {
        guard let speculation = generation.plan.speculation, speculation.draftBits < generation.pendingBits else {
            return
        }
        let limit = draftLimit(generation, speculation)
        guard limit > 0 else { return }
        if generation.policy == nil {
            generation.policy = DraftPolicy(draftBits: speculation.draftBits, bits: generation.pendingBits)
        }
        if repeatText(generation, limit) { return }
        guard generation.policy?.begins() == true else { return }
        let start = monotonicSeconds()
        let position = generation.sequence.position
        // Draws with the verifier's random numbers: where both see nearly the same, they choose the same.
        var sampler = generation.plan.sampler
        var probability = 1.0
        var failed = false
        while generation.drafts.count < limit {
            var margin: Float = 0
            var drawn = -1
            draftRows.removeAll()
            draftRows.append(
                generation.drafts.last ?? generation.tokens[generation.tokens.count - 1], to: generation.sequence,
                bits: speculation.draftBits, leading: max(2, sampler.leadingLogits), and: sampler.changedTokens)
            let failures = try executor.run(draftRows, bits: .highest) { wanted in
                for row in wanted {
                    margin = Decoding.margin(row.logits)
                    drawn = sampler.sample(row.logits)
                }
            }
            failed = !failures.isEmpty
            if failed || drawn < 0 { break }
            let bin = DraftPolicy.bin(margin: margin)
            generation.drafts.append(drawn)
            generation.draftBins.append(bin)
            if generation.stopTokens.contains(drawn) { break }
            probability *= generation.policy?.probability(bin) ?? 0
            if generation.policy?.continues(after: probability) != true { break }
        }
        generation.sequence.truncate(to: position)
        generation.draftSeconds = monotonicSeconds() - start
        generation.speculationCounts.drafted += generation.drafts.count
        if !generation.drafts.isEmpty {
            generation.policy?.drafted(seconds: generation.draftSeconds / Double(generation.drafts.count))
        }
    }

    /// Tokens that the generation may still get in one step, beside the one that it gets anyway.
    private func draftLimit(_ generation: Generation<Plan>, _ speculation: Speculation) -> Int {
        let room = generation.sequence.capacity - generation.sequence.position - 1
        var limit = min(speculation.limit, room, generation.limit - generation.tokens.count - 1)
        let step = generation.bitsPerStep.count
        var same = 0
        while same < limit, generation.plan.bits(atStep: step + same + 1) == generation.pendingBits { same += 1 }
        limit = same
        return limit
    }

    /// What followed the last time that the text ended as it does now (prompt lookup decoding): costs nothing but its rows.
    private func repeatText(_ generation: Generation<Plan>, _ limit: Int) -> Bool {
        let wanted = generation.policy?.repeatedCount(limit: limit) ?? 0
        guard wanted > 0, let found = generation.lookup.find(generation.prompt, generation.tokens) else { return false }
        let (prompt, tokens) = (generation.prompt, generation.tokens)
        let all = prompt.count + tokens.count
        for index in found..<min(all, found + wanted) {
            let token = index < prompt.count ? prompt[index] : tokens[index - prompt.count]
            generation.drafts.append(token)
            generation.draftBins.append(DraftPolicy.repeatedBin)
        }
        generation.speculationCounts.repeated += generation.drafts.count
        return !generation.drafts.isEmpty
    }

    /// Undoes a verification that failed: the step is taken again, plainly.
    func withdraw(_ generation: Generation<Plan>, to position: Int, _ sampler: Plan.Sampler) {
        generation.sequence.truncate(to: position)
        generation.plan.sampler = sampler
        generation.dropDrafts()
    }

    /// The verifier's own token after each draft, until one is another than was drafted or ends the text.
    func verify(_ generation: Generation<Plan>, _ row: LogitRow) {
        guard !generation.hasParted else { return }
        let token = generation.plan.sampler.sample(row.logits)
        generation.verified.append((token, generation.plan.sampler))
        generation.hasParted =
            row.token >= generation.drafts.count || token != generation.drafts[row.token]
            || generation.stopTokens.contains(token)
    }

    /// What a verification gave, token by token as plain steps would have.
    func takeVerified(
        _ generation: Generation<Plan>, from position: Int, seconds: Double, _ onToken: (Generation<Plan>) -> Bool
    ) {
        let count = generation.verified.count
        generation.sequence.truncate(to: position + count)
        // A draft that ends the text was right, too.
        var accepted = 0
        while accepted < min(count, generation.drafts.count),
            generation.verified[accepted].token == generation.drafts[accepted]
        {
            accepted += 1
        }
        generation.speculationCounts.verifications += 1
        generation.policy?.verified(
            generation.draftBins, accepted: accepted, tokens: count, draftSeconds: generation.draftSeconds,
            seconds: seconds)
        for index in 0..<count {
            if index < accepted { generation.speculationCounts.accepted += 1 }
            (generation.drawn, generation.plan.sampler) = generation.verified[index]
            generation.bitsPerStep.append(generation.pendingBits)
            take(generation, at: position + index + 1, onToken)
            if generation.stopReason != nil {
                generation.sequence.truncate(to: position + index + 1)
                break
            }
        }
        generation.dropDrafts()
    }
}
