internal import Decoding
internal import Model
internal import Runtime
internal import Storage

/// Sequences of answers that have ended, kept for prompts that begin alike.
///
/// What a sequence holds of a position depends on the tokens up to there and on the precisions that read them, and on nothing
/// else (`Engine`). So a start that was read at one precision throughout need not be read again for a prompt that is to be read
/// at the same: its answer is bit for bit what it would have been.
struct PrefixCache {
    private struct Entry {
        let sequence: TokenSequence
        /// All that the sequence holds.
        let tokens: [Int]
        let bits: Model.Precision
    }

    /// Positions that are kept at most; 0: nothing is kept, nor shared.
    private let limit: Int
    /// Least recently used first.
    private var entries: [Entry] = []
    /// Positions that are kept. A sequence takes memory for at most twice as many.
    private(set) var tokenCount = 0

    /// Starts shorter than that are not worth copying: a chat format's first words are common to all prompts.
    private static let shortest = 16

    init(limit: Int) { self.limit = limit }

    /// A sequence for a prompt, which holds as much of its start as there is; never all of it, because its last token's logits
    /// are wanted.
    /// - Parameter turns: at work; theirs are shared too.
    mutating func sequence(
        for prompt: [Int], bits: Model.Precision, among turns: [Turn], _ engine: Engine
    ) throws(ModuleError) -> TokenSequence {
        guard limit > 0 else { return try engine.makeSequence() }
        var (longest, place) = (PrefixCache.shortest - 1, -1)
        var source: TokenSequence?
        for (index, entry) in entries.enumerated() where entry.bits == bits {
            let count = PrefixCache.commonCount(prompt, entry.tokens[...])
            if count > longest { (longest, place, source) = (count, index, entry.sequence) }
        }
        for turn in turns where turn.isShared && turn.generation.plan.prefillBits == bits {
            let count = PrefixCache.commonCount(prompt, turn.readPrompt)
            if count > longest { (longest, place, source) = (count, -1, turn.generation.sequence) }
        }
        if place >= 0 {
            let entry = entries.remove(at: place)
            if longest == entry.tokens.count {
                tokenCount -= entry.tokens.count
                return entry.sequence
            }
            // Others may come back to what follows.
            entries.append(entry)
        }
        let sequence = try engine.makeSequence()
        if let source { sequence.copy(from: source, positions: longest) }
        return sequence
    }

    /// Whether somebody at work is reading more of the prompt's start than there is: reading it twice would take longer than
    /// waiting.
    func isBeingRead(_ prompt: [Int], bits: Model.Precision, among turns: [Turn]) -> Bool {
        guard limit > 0 else { return false }
        var (coming, present) = (PrefixCache.shortest - 1, 0)
        for turn in turns where turn.isShared && turn.generation.plan.prefillBits == bits && turn.isReading {
            let count = PrefixCache.commonCount(prompt, turn.prompt[...])
            coming = max(coming, count)
            present = max(present, min(count, turn.readPrompt.count))
        }
        guard coming > max(present, PrefixCache.shortest - 1) else { return false }
        for turn in turns where turn.isShared && turn.generation.plan.prefillBits == bits && !turn.isReading {
            present = max(present, PrefixCache.commonCount(prompt, turn.readPrompt))
        }
        for entry in entries where entry.bits == bits {
            present = max(present, PrefixCache.commonCount(prompt, entry.tokens[...]))
        }
        return coming > present
    }

    /// Keeps the sequence of an answer that has ended.
    /// - Parameter tokens: those at its start that were all read at `bits`.
    mutating func keep(_ sequence: TokenSequence, _ tokens: [Int], bits: Model.Precision, _ engine: Engine) {
        guard limit > 0, tokens.count >= PrefixCache.shortest, tokens.count <= limit else { return }
        if entries.contains(where: { $0.bits == bits && $0.tokens.starts(with: tokens) }) { return }
        for entry in entries where entry.bits == bits && tokens.starts(with: entry.tokens) {
            tokenCount -= entry.tokens.count
        }
        entries.removeAll { $0.bits == bits && tokens.starts(with: $0.tokens) }
        while tokenCount + tokens.count > limit, !entries.isEmpty { tokenCount -= entries.removeFirst().tokens.count }
        var kept = sequence
        if sequence.position > 2 * tokens.count {
            // Memory of a long end that nobody can go on with is given back.
            guard let copy = try? engine.makeSequence() else { return }
            copy.copy(from: sequence, positions: tokens.count)
            kept = copy
        } else {
            sequence.truncate(to: tokens.count)
        }
        entries.append(Entry(sequence: kept, tokens: tokens, bits: bits))
        tokenCount += tokens.count
    }

    private static func commonCount(_ prompt: [Int], _ tokens: ArraySlice<Int>) -> Int {
        let limit = min(prompt.count - 1, tokens.count)
        var count = 0
        while count < limit && prompt[count] == tokens[tokens.startIndex + count] { count += 1 }
        return count
    }
}
