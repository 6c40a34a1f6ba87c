internal import Synchronization
internal import Text

/// A vocabulary's tokens as bytes, and which of them a JSON object can go on with.
///
/// A set is found once for every class of `JSONProgress` and kept: an answer meets few of them.
package final class JSONVocabulary: Sendable {
    /// One bit for every token, the first lowest.
    package typealias TokenSet = [UInt64]

    /// Bytes of token t at blob[offsets[t] ..< offsets[t + 1]]; none for those that are no text.
    private let blob: [UInt8]
    private let offsets: [Int]
    /// Whole characters that a string holds as they are.
    private let isPlain: [Bool]
    private let sets = Mutex<[JSONProgress: TokenSet]>([:])

    /// Sets take an eighth of a byte a token; documents of real models meet a few dozen.
    private static let setLimit = 1024

    /// - Parameter tokens: the bytes of every token; none for tokens that are no text.
    package init(_ tokens: [[UInt8]]) {
        var (blob, offsets, isPlain): ([UInt8], [Int], [Bool]) = ([], [0], [])
        offsets.reserveCapacity(tokens.count + 1)
        isPlain.reserveCapacity(tokens.count)
        for token in tokens {
            let token = JSONVocabulary.isWithinReach(token) ? token : []
            blob += token
            offsets.append(blob.count)
            isPlain.append(
                !token.isEmpty && !token.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }
                    && String(validating: token, as: UTF8.self) != nil)
        }
        (self.blob, self.offsets, self.isPlain) = (blob, offsets, isPlain)
    }

    /// - Parameters:
    ///   - count: of logits, which may be more than the tokenizer has tokens.
    ///   - ends: tokens that end answers.
    convenience init(_ tokenizer: Text.Tokenizer, count: Int, ends: [Int]) {
        let ends = Set(ends)
        self.init(
            (0..<count).map { token in
                guard token < tokenizer.vocabularySize, !tokenizer.isSpecial(token), !ends.contains(token) else {
                    return []
                }
                return tokenizer.bytes(of: token)
            })
    }

    private static func isWithinReach(_ token: [UInt8]) -> Bool {
        var (opened, closed) = (0, 0)
        for byte in token {
            if byte | 0x20 == 0x7b { opened += 1 }
            if byte | 0x20 == 0x7d { closed += 1 }
        }
        return max(opened, closed) <= JSONProgress.reach
    }

    package var count: Int { isPlain.count }

    /// Moves on by a token's bytes; false where the object cannot go on so.
    package func advance(_ progress: inout JSONProgress, by token: Int) -> Bool {
        var next = progress
        let range = offsets[token]..<offsets[token + 1]
        if range.isEmpty { return false }
        for index in range where !next.take(blob[index]) { return false }
        progress = next
        return true
    }

    /// Tokens that the object can go on with.
    package func tokens(after progress: JSONProgress) -> TokenSet {
        let part = progress.ofReach
        if let known = sets.withLock({ $0[part] }) { return known }
        var set = TokenSet(repeating: 0, count: (count + 63) / 64)
        let isString = part.state == .string
        for token in 0..<count {
            var next = part
            if isString && isPlain[token] || advance(&next, by: token) { set[token / 64] |= 1 << UInt64(token % 64) }
        }
        sets.withLock {
            if $0.count >= JSONVocabulary.setLimit { $0.removeAll() }
            $0[part] = set
        }
        return set
    }
}

/// An answer that is to be a JSON object.
struct JSONConstraint: Sendable {
    private let vocabulary: JSONVocabulary
    private var progress = JSONProgress()
    /// No token was left that the object could have gone on with.
    private(set) var isStuck = false

    init(_ vocabulary: JSONVocabulary) { self.vocabulary = vocabulary }

    var isDone: Bool { progress.isDone }

    /// Takes all other tokens their chance.
    func forbid(in logits: UnsafeMutableBufferPointer<Float>) {
        let set = vocabulary.tokens(after: progress)
        for (index, word) in set.enumerated() where word != .max {
            let start = index * 64
            if word == 0, start + 64 <= logits.count {
                UnsafeMutableBufferPointer(rebasing: logits[start..<start + 64]).update(repeating: -.infinity)
                continue
            }
            var others = ~word
            while others != 0 {
                let token = start + others.trailingZeroBitCount
                if token < logits.count { logits[token] = -.infinity }
                others &= others &- 1
            }
        }
    }

    /// Goes on with a token; false where it is one of the forbidden.
    mutating func take(_ token: Int) -> Bool { vocabulary.advance(&progress, by: token) }

    /// Goes on with the likeliest token, where that has a chance left.
    mutating func takeLikeliest(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        let token = logits.indices.max { logits[$0] < logits[$1] } ?? 0
        isStuck = logits[token] == -.infinity || !take(token)
        return token
    }
}
