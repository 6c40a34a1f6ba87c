import Model
import Runtime
import Storage

/// One answer, or the common beginning of several: strategies that have taken every decode step so far at the same precision
/// have the same tokens and the same cache, so they are worked on once.
final class AnswerBranch {
    let example: Int
    let sequence: DecodingSequence
    /// Indices of the strategies whose answer this is so far.
    var members: [Int]
    /// Tokens written; the last one has not been read by the model yet.
    var tokens: [Int]
    /// Precision of every decode step taken.
    var bits: [Precision]

    init(example: Int, sequence: DecodingSequence, members: [Int], tokens: [Int], bits: [Precision] = []) {
        self.example = example
        self.sequence = sequence
        self.members = members
        self.tokens = tokens
        self.bits = bits
    }

    /// Gives every group of members that wants another precision at the next step a branch of its own; the first group
    /// stays. Groups keep the members' order.
    func split(
        bits: (Int) -> Precision, makeSequence: () throws(TaperError) -> DecodingSequence
    ) throws(TaperError) -> [(bits: Precision, branch: AnswerBranch)] {
        var groups: [(bits: Precision, members: [Int])] = []
        for member in members {
            let wanted = bits(member)
            if let index = groups.firstIndex(where: { $0.bits == wanted }) {
                groups[index].members.append(member)
            } else {
                groups.append((wanted, [member]))
            }
        }
        var result: [(bits: Precision, branch: AnswerBranch)] = []
        for (order, group) in groups.enumerated() {
            if order == 0 {
                members = group.members
                result.append((group.bits, self))
            } else {
                let twin = try makeSequence()
                twin.copy(from: sequence)
                result.append(
                    (
                        group.bits,
                        AnswerBranch(
                            example: example, sequence: twin, members: group.members, tokens: tokens, bits: self.bits)
                    ))
            }
        }
        return result
    }
}
