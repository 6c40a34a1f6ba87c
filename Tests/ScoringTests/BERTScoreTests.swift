import Checkpoint
import Scoring
import Foundation
import Kernels
import Reference
import Storage
import Testing

/// Tokens by the `tokenizers` library; states and scores by numpy in double precision (make_bertscore_golden.py): a random
/// BERT that stands beside this file, and all-MiniLM-L6-v2 where `TAPER_ENCODER` names its folder.
@Suite struct BERTScoreTests {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures"
    static let tiny = fixtures + "/bert-tiny"
    static let encoders: [(folder: String, key: String)] = {
        let real = ProcessInfo.processInfo.environment["TAPER_ENCODER"].map { [($0, "all-MiniLM-L6-v2")] }
        return [(tiny, "tiny")] + (real ?? [])
    }()
    let golden: JSONValue
    let pool: ThreadPool

    init() throws {
        golden = try JSONValue.parse(
            try Files.read(Self.fixtures + "/bertscore.json", limit: 1 << 22), place: "bertscore.json")
        pool = try ThreadPool(threadCount: 2)
    }

    private func tokensAgree(_ folder: String, _ ids: [[Int]]) throws {
        let checkpoint = try EncoderCheckpoint(path: folder)
        let tokenizer = try WordPieceTokenizer(folder: folder)
        let texts = try #require(golden["tokens"]?.array).compactMap { $0["text"]?.string }
        #expect(texts.count >= 300 && texts.count == ids.count)
        for (text, expected) in zip(texts, ids) {
            let found = tokenizer.encode(text, limit: checkpoint.config.positionCount)
            #expect(found == expected, "\(text.debugDescription)")
        }
    }

    private func scoresAgree(_ folder: String, _ key: String) throws {
        let expected = try #require(golden[key])
        let checkpoint = try EncoderCheckpoint(path: folder)
        let encoder = try TextEncoder(checkpoint, pool: pool)
        let tokens = try WordPieceTokenizer(folder: folder).encode(
            try #require(expected["text"]?.string), limit: checkpoint.config.positionCount)
        let states = encoder.states(tokens)
        let size = checkpoint.config.hiddenSize
        let signs: [Float] = [1, -0.5, 0.25]
        let sums = tokens.indices.map { token in
            (0..<size).reduce(Float(0)) { $0 + states[token * size + $1] * signs[$1 % 3] }
        }
        let expectedSums = try #require(expected["state_sums"]?.array).compactMap(\.double)
        #expect(sums.count == expectedSums.count)
        for (a, b) in zip(sums, expectedSums) { #expect(abs(Double(a) - b) < 1e-4 * (1 + abs(b))) }

        let pairs = try #require(golden["pairs"]?.array).map { item in
            (answer: item["answer"]?.string ?? "?", references: item["references"]?.array?.compactMap(\.string) ?? [])
        }
        for (name, layer, weighting) in [
            ("plain", nil, BERTScore.Weighting.uniform), ("idf", nil, .inverseFrequency),
            ("plain_at_layer", expected["layer"]?.integer, .uniform),
        ] {
            let score = try BERTScore(
                folder: folder, layerCount: layer, weighting: weighting, references: pairs.map(\.references), pool: pool
            )
            let values = try #require(expected[name]?.array).compactMap(\.double)
            #expect(values.count == pairs.count && values.count >= 17)
            for (pair, value) in zip(pairs, values) {
                let found = score.score(answer: pair.answer, references: pair.references)
                #expect(abs(found - value) < 1e-4, "\(name): \(pair.answer)")
            }
        }
    }

    @Test(arguments: encoders) func tokensEqualTheLibrarys(folder: String, key: String) throws {
        // Ids in the tiny encoder's vocabulary stand with the texts.
        let ids =
            folder == Self.tiny
            ? golden["tokens"]?.array?.map { $0["ids"]?.array } : golden[key]?["tokens"]?.array?.map(\.array)
        try tokensAgree(folder, try #require(ids).map { $0?.compactMap(\.integer) ?? [] })
    }

    @Test(arguments: encoders) func statesAndScoresEqualNumpys(folder: String, key: String) throws {
        try scoresAgree(folder, key)
    }

    @Test func titlesNameEncoderAndLayer() throws {
        let title = try BERTScore(folder: Self.tiny, layerCount: 1, weighting: .inverseFrequency, pool: pool).title
        for words in ["bert-tiny", "layer 1 of 2", "idf", "not rescaled", "not comparable"] {
            #expect(title.contains(words))
        }
    }

    /// The encoder with one file changed.
    private func damaged(_ name: String, _ change: (String) -> String) throws -> String {
        let folder = NSTemporaryDirectory() + "taper-encoder-" + UUID().uuidString
        try Files.createDirectory(folder)
        for file in ["config.json", "vocab.txt", "model.safetensors"] {
            var bytes = try Files.read(Self.tiny + "/" + file, limit: 1 << 20)
            if file == name { bytes = Array(change(String(decoding: bytes, as: UTF8.self)).utf8) }
            try AtomicFile.write(bytes, to: folder + "/" + file, replacing: false)
        }
        return folder
    }

    @Test(arguments: [
        ("config.json", "\"bert\"", "\"roberta\"", TaperError.Code.unsupported, "model_type"),
        ("config.json", "\"gelu\"", "\"relu\"", .unsupported, "hidden_act"),
        ("config.json", "\"num_attention_heads\": 2", "\"num_attention_heads\": 3", .badData, "divisor"),
        ("config.json", "\"hidden_size\": 16", "\"hidden_size\": 32", .badData, "word_embeddings"),
        ("config.json", "\"intermediate_size\": 32", "\"intermediate_size\": 0", .badData, "intermediate_size"),
        ("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", .badData, "encoder.layer.2"),
        ("vocab.txt", "[CLS]", "[CLASS]", .badData, "[CLS]"),
        ("vocab.txt", "the\n", "the\nmore\n", .badData, "vocab.txt"),
    ])
    func unusableEncodersAreRefused(
        file: String, from: String, to: String, code: TaperError.Code, words: String
    ) throws {
        let folder = try damaged(file) { $0.replacingOccurrences(of: from, with: to) }
        let error = #expect(throws: TaperError.self) { try BERTScore(folder: folder, pool: pool) }
        #expect(error?.code == code && error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func layersThatAreNotThereAreRefused() {
        for layer in [0, 3] {
            #expect(throws: TaperError(.usage, "")) {
                try BERTScore(folder: Self.tiny, layerCount: layer, pool: pool)
            }
        }
    }
}
