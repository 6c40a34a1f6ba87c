/// Tokens that end a generation, known by their names.
///
/// Many files name one end of sequence where the model has several: a chat model's file names the end of a turn, and the end of
/// a document goes on as text. The names are those that llama.cpp takes (`llama_vocab`, October 2026), so that a GGUF file
/// ends where its users expect.
struct EndTokens {
    struct Candidate {
        let id: Int
        let name: String
        /// Control, user-defined or unknown of type, so that no text is made of it; true where types are not given.
        let isMarked: Bool
    }

    /// Ascending.
    private(set) var ids: [Int] = []
    /// Of those, tokens that the file counts as text, which they cannot be.
    private(set) var mistyped: [Candidate] = []

    /// Names that no text contains by chance.
    private static let plain: Set<String> = [
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
        "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<end_of_utterance>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>",
    ]
    /// Names that code or mark-up may contain: these count only when they are no text.
    private static let ambiguous: Set<String> = ["</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "[e~["]
    /// What follows a middle that was filled in: padding, another repository, another file.
    private static let infilling: Set<String> = [
        "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<reponame>",
        "<|file_sep|>",
    ]

    /// Every name that may matter, for those who look tokens up.
    static let names = plain.union(ambiguous).union(infilling)
    static let longestName = names.map { $0.utf8.count }.max() ?? 0

    /// - Parameter fillsIn: counts the tokens after a filled-in middle too.
    init(_ candidates: [Candidate], fillsIn: Bool) {
        var found: [Candidate] = []
        for candidate in candidates {
            let isEnd =
                EndTokens.plain.contains(candidate.name)
                || (candidate.isMarked && EndTokens.ambiguous.contains(candidate.name))
                || (candidate.isMarked && fillsIn && EndTokens.infilling.contains(candidate.name))
            if isEnd { found.append(candidate) }
        }
        func has(_ names: String...) -> Bool { names.contains { name in found.contains { $0.name == name } } }
        // Where messages have parts, the end of a part ends no answer.
        if has("<|call|>", "<|calls|>") && has("<|return|>", "<|flush|>") { found.removeAll { $0.name == "<|end|>" } }
        if has("<|tool_response>") { found.removeAll { $0.name == "</s>" } }
        ids = Set(found.map(\.id)).sorted()
        mistyped = found.filter { !$0.isMarked }
    }
}
