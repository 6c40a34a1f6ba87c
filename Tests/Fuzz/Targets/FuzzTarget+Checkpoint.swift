import Checkpoint
import Model
import Storage
import Text

extension FuzzTarget {
    private static let small = "Tests/Cases/chat-phi3"

    static let checkpoints: [FuzzTarget] = [
        FuzzTarget("safetensors", seeds: ["Tests/Fuzz/seeds/safetensors/*"], maximumByteCount: 1 << 12) {
            bytes, folder in
            let listing = try CheckpointListing.read(folder.file("model.safetensors", bytes))
            _ = listing.metadata.text()
        },
        FuzzTarget(
            "gguf", seeds: ["Tests/Fuzz/seeds/gguf/*"], maximumByteCount: 1 << 14
        ) { bytes, folder in
            let path = folder.file("model.gguf", bytes)
            _ = try CheckpointListing.read(path).metadata.text()
            try open(path)
        },
        FuzzTarget(
            "config", seeds: ["Tests/Cases/*/config.json", "Tests/Oracles/*/config.json", "samples/tiny/config.json"],
            maximumByteCount: 1 << 12
        ) { bytes, folder in
            folder.copy(small + "/model.safetensors", as: "model.safetensors")
            folder.copy(small + "/tokenizer.json", as: "tokenizer.json")
            _ = folder.file("config.json", bytes)
            _ = try? ModelOutline(folder: folder.path)
            try open(folder.path)
        },
        FuzzTarget("index", seeds: ["Tests/Fuzz/seeds/index/*"], maximumByteCount: 1 << 12) { bytes, folder in
            folder.copy(small + "/model.safetensors", as: "model-00001-of-00002.safetensors")
            folder.copy(small + "/config.json", as: "config.json")
            folder.copy(small + "/tokenizer.json", as: "tokenizer.json")
            _ = folder.file("model.safetensors.index.json", bytes)
            _ = try CheckpointListing.read(folder.path).metadata.text()
            try open(folder.path)
        },
        FuzzTarget(
            "tokenizer",
            seeds: ["Tests/Cases/*/tokenizer.json", "Tests/Fuzz/seeds/tokenizer/*"], maximumByteCount: 1 << 14
        ) { bytes, folder in
            try exercise(try Checkpoint.tokenizer(file: folder.file("tokenizer.json", bytes)))
        },
        // What stands beside the tokenizer: added tokens, templates, and the tokens that end a text.
        FuzzTarget(
            "tokenizer-config", seeds: ["Tests/Cases/*/tokenizer_config.json", "samples/tiny/tokenizer_config.json"],
            maximumByteCount: 1 << 13
        ) { bytes, folder in
            for name in ["config.json", "model.safetensors", "tokenizer.json"] {
                folder.copy("Tests/Cases/chat-phi3/" + name, as: name)
            }
            _ = folder.file("tokenizer_config.json", bytes)
            _ = folder.file("generation_config.json", bytes)
            try open(folder.path)
        },
    ]

    private static func open(_ path: String) throws {
        let checkpoint = try Checkpoint.open(path)
        _ = checkpoint.metadata.text()
        let tokenizer = try checkpoint.tokenizer()
        try exercise(tokenizer)
        let derivation = checkpoint.chatDerivation(tokenizer)
        _ = "\(derivation)"
        if let first = checkpoint.tensors.first { _ = try checkpoint.read(first.name) }
    }

    private static let samples = [
        "", " ", "Once upon a time, 1234 caf\u{e9}s\u{301} \u{1f468}\u{200d}\u{1f469} \n\t<|im_end|></s>",
        "\u{fffd}\u{0}\u{ffff}A  B", "\u{5d0}\u{202e}abc",
    ]

    /// Text to tokens and back.
    static func exercise(_ tokenizer: Tokenizer) throws {
        for text in samples {
            // A vocabulary may lack a character.
            guard let tokens = try? tokenizer.encode(text, addSpecial: true, parseSpecial: true) else { continue }
            precondition(
                tokens.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) }, "a token beyond the vocabulary")
            _ = tokenizer.decode(tokens)
        }
        let compact = tokenizer.compact()
        let again = try Tokenizer(compact: compact, place: "written")
        precondition(again.compact() == compact, "the written tokenizer reads back as another one")
    }
}
