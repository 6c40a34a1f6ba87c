import Storage

extension GGUFTokenizer {
    /// Token types that are no text: unknown, control, user-defined.
    private static let markedTypes: Set<Int> = [2, 3, 4]
    static let controlType = 3

    /// Ends of generation by name; none for a file without tokenizer. Looks at the bytes of the tokens and makes no strings of
    /// all those that cannot be one.
    func endTokens() throws(TaperError) -> EndTokens {
        guard let tokens = try array("tokens", .string) else { return EndTokens([], fillsIn: true) }
        let types = try array("token_type", .int32)?.integers() ?? []
        var candidates: [EndTokens.Candidate] = []
        for (id, name) in try tokens.strings(among: EndTokens.names, longest: EndTokens.longestName) {
            let isMarked = !types.indices.contains(id) || GGUFTokenizer.markedTypes.contains(types[id])
            candidates.append(.init(id: id, name: name, isMarked: isMarked))
        }
        return EndTokens(candidates, fillsIn: true)
    }

    /// Sentences about end tokens that the file counts as text.
    func warnings(_ ends: EndTokens) -> [String] {
        ends.mistyped.map { token in
            place("tokenizer.ggml.token_type") + ": token " + String(token.id) + " '" + token.name
                + "' is typed as text; it is taken as the end of generation that its name says"
        }
    }
}

extension GGUFArray {
    /// The elements that are one of some names, with their indices.
    func strings(among names: Set<String>, longest: Int) throws(TaperError) -> [(index: Int, text: String)] {
        var reader = ByteReader(bytes, place: place)
        var found: [(index: Int, text: String)] = []
        for index in 0..<count {
            let byteCount = try reader.count("a string's length", limit: GGUFFile.stringLimit)
            let raw = try reader.take(byteCount, "a string")
            guard byteCount <= longest, let text = strictString(raw), names.contains(text) else { continue }
            found.append((index, text))
        }
        return found
    }
}
