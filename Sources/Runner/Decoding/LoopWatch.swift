import Storage

/// Notices a text that goes on with the same block of tokens again and again, whatever the block.
package struct LoopWatch {
    package enum Verdict: Equatable { case free, suspect, loop }

    /// Tokens of the longest block that is noticed.
    package static let longestBlock = 127
    /// Tokens in a row that repeat what was a block before, from which on a loop may have begun.
    package static let suspicion = 12
    /// The same from which on there is one, where they are two blocks besides.
    package static let proof = 48

    /// The latest tokens, by their number's last seven bits.
    private var recent = [Int](repeating: -1, count: longestBlock + 1)
    private var count = 0
    /// By the length of a block: tokens in a row that are what was there a block before.
    private var runs = [Int](repeating: 0, count: longestBlock + 1)
    /// Of the loops that were found.
    private var known: [UInt64] = []

    package init() {}

    /// What the text is with another token.
    package mutating func append(_ token: Int) -> Verdict {
        let mask = LoopWatch.longestBlock
        var block = 0
        for length in 1...LoopWatch.longestBlock {
            let isSame = recent[(count - length) & mask] == token
            runs[length] = isSame ? runs[length] + 1 : 0
            if block == 0 && runs[length] >= LoopWatch.suspicion { block = length }
        }
        recent[count & mask] = token
        count += 1
        if block == 0 { return .free }
        let cause = cause(block)
        if known.contains(cause) { return .free }
        guard runs[block] >= max(LoopWatch.proof, 2 * block) else { return .suspect }
        known.append(cause)
        return .loop
    }

    /// The text is this one again. Loops that were found stay known.
    package mutating func restart(_ tokens: [Int]) {
        count = 0
        for index in recent.indices {
            recent[index] = -1
            runs[index] = 0
        }
        for token in tokens { _ = append(token) }
    }

    /// Of the tokens in the latest block, wherever it begins.
    private func cause(_ length: Int) -> UInt64 {
        var sum = UInt64(length)
        for back in 1...length {
            var mixer = SplitMix64(state: UInt64(truncatingIfNeeded: recent[(count - back) & LoopWatch.longestBlock]))
            sum = sum &+ mixer.next()
        }
        return sum
    }
}
