import Storage

/// Special tokens of a Hugging Face directory that end a generation by their names.
enum HuggingFaceEnds {
    private static let valueLimit = 4_000_000

    /// From `added_tokens` of tokenizer.json and `added_tokens_decoder` of tokenizer_config.json; either may be absent.
    static func read(directory: String) -> EndTokens {
        var candidates: [EndTokens.Candidate] = []
        func note(_ token: JSONValue, _ id: Int?) {
            guard token["special"]?.bool == true, let name = token["content"]?.string, let id,
                EndTokens.names.contains(name)
            else { return }
            candidates.append(.init(id: id, name: name, isMarked: true))
        }
        if let json = members("added_tokens", of: directory + "/tokenizer.json") {
            for token in json["added_tokens"]?.array ?? [] { note(token, token["id"]?.integer) }
        }
        if let json = members("added_tokens_decoder", of: directory + "/tokenizer_config.json") {
            for member in json["added_tokens_decoder"]?.members ?? [] { note(member.value, Int(member.key)) }
        }
        return EndTokens(candidates, fillsIn: false)
    }

    /// One member of a JSON file; nil when there is none to be read. What is wrong with the file its own reader says.
    private static func members(_ key: String, of path: String) -> JSONValue? {
        guard Files.exists(path), let file = try? SourceFile(path: path), ForeignFile.recognise(file.bytes) == nil
        else {
            return nil
        }
        return try? JSONMemberScanner.select([key], from: file.bytes, valueLimit: valueLimit, place: file.path)
    }
}
