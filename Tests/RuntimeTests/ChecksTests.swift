import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

import struct Foundation.Data
import class Foundation.FileHandle
import func Foundation.NSTemporaryDirectory
import class Foundation.Thread
import struct Foundation.URL
import struct Foundation.UUID

/// Damage in weights ends a run before it changes a token.
@Suite struct ChecksTests {
    private static let tokens = [3, 1, 4, 1, 5]
    private static let precisions: [Precision] = [2, 3, 4, 6].map { Precision(bits: $0) }

    private func logits(
        _ bundle: Bundle, _ precisions: [Precision], _ tokens: [Int] = ChecksTests.tokens,
        _ verification: Verification = .lazy
    ) throws -> [UInt32] {
        let engine = try Engine(
            try TransformerWeights(bundle), contextLength: 16, pool: .make(2), verification: verification)
        var all: [UInt32] = []
        for bits in precisions {
            let model = SingleSequence(engine, try engine.makeSequence())
            all += try model.read(tokens, bits: bits).map(\.bitPattern)
        }
        return all
    }

    /// The file with one bit changed, beside the one it came from.
    private func flipped(_ bytes: [UInt8], at place: Int) throws -> Bundle {
        var copy = bytes
        copy[place] ^= 1 << UInt8(place % 8)
        let path = NSTemporaryDirectory() + "taper-flipped-\(UUID().uuidString).taper"
        try Data(copy).write(to: URL(filePath: path))
        defer { Files.remove(path) }
        return try Bundle(path: path)
    }

    @Test func everyFlipInWeightsIsFound() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: tiny.path)))
        let sound = try logits(tiny.bundle, Self.precisions)
        var random = RandomGenerator(seed: 5)
        var changed = 0
        for section in tiny.bundle.sections where section.kind == .mapped && section.storedByteCount > 0 {
            for _ in 0..<24 {
                let place = section.offset + Int(random.uniform() * Double(section.storedByteCount))
                #expect(throws: TaperError(.badData, ""), "\(section.name), byte \(place)") {
                    _ = try logits(try flipped(bytes, at: place), Self.precisions)
                }
                // What it would have done unseen; what is not even opened is found by others.
                if let bundle = try? flipped(bytes, at: place), section.name.hasPrefix("linear.planes"),
                    try logits(bundle, Self.precisions, Self.tokens, .off) != sound
                {
                    changed += 1
                }
            }
        }
        #expect(changed > 24)
        #expect(try logits(tiny.bundle, Self.precisions, Self.tokens, .full) == sound)
    }

    @Test func aMessageNamesThePlaceAgainAndAgain() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: tiny.path)))
        let section = try #require(tiny.bundle.sections.first { $0.name == "linear.planes.4" })
        let engine = try Engine(
            try TransformerWeights(try flipped(bytes, at: section.offset + 7)), contextLength: 16, pool: .make(1))
        let model = SingleSequence(engine, try engine.makeSequence())
        // The planes before are sound, and 3 bits read no others.
        #expect(throws: Never.self) { try model.read(Self.tokens, bits: 3) }
        for _ in 0..<2 {
            let error = #expect(throws: TaperError.self) { try model.read([1], bits: 4) }
            #expect(error?.message.contains("section linear.planes.4") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("damaged between bytes \(section.offset) and") == true)
            #expect(model.position == Self.tokens.count)
        }
        #expect(throws: TaperError(.badData, "")) {
            _ = try logits(try flipped(bytes, at: section.offset + 7), [3], Self.tokens, .full)
        }
    }

    /// An embedding of three blocks, the last with its scales: a row is compared when its token comes.
    @Test func onlyWhatIsReadIsCompared() throws {
        var config = TinyModels.llama
        config.vocabularySize = 20_000
        let tiny = try TinyBundle(config)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: tiny.path)))
        let section = try #require(tiny.bundle.sections.first { $0.name == "bytes" })
        let row = 10_000 * NestedLayout.paddedColumns(config.hiddenSize)
        let engine = try Engine(
            try TransformerWeights(try flipped(bytes, at: section.offset + row + 5)), contextLength: 16, pool: .make(1))
        let sequence = try engine.makeSequence()
        #expect(throws: Never.self) { _ = try engine.run(rows([5, 9], sequence), bits: 4) { _ in } }
        let error = #expect(throws: TaperError.self) { try engine.run(rows([10_000], sequence), bits: 4) { _ in } }
        #expect(error?.message.contains("section bytes") == true, "\(error?.message ?? "")")
        #expect(throws: Never.self) { _ = try engine.run(rows([7], sequence), bits: 4) { _ in } }
    }

    private func rows(_ tokens: [Int], _ sequence: TokenSequence) -> Rows<TokenSequence> {
        var rows = Rows<TokenSequence>()
        rows.append(tokens[...], to: sequence, wanting: .none)
        return rows
    }

    @Test func aFileThatChangesUnderARunEndsIt() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let model = try SingleSequence(bundle: tiny.bundle, contextLength: 16, pool: .make(1))
        try model.read(Self.tokens, bits: 4)
        // Times of change have the grain of the system's clock.
        Thread.sleep(forTimeInterval: 0.05)
        let file = try FileHandle(forUpdating: URL(filePath: tiny.path))
        let section = try #require(tiny.bundle.sections.first { $0.name == "linear.planes.2" })
        try file.seek(toOffset: UInt64(section.offset))
        try file.write(contentsOf: Data([0xff]))
        try file.close()
        let error = #expect(throws: TaperError.self) { try model.read([1], bits: 4) }
        #expect(error?.message.contains("changed while in use") == true)
        // Who does not look goes on.
        let careless = try Engine(
            try TransformerWeights(tiny.bundle), contextLength: 16, pool: .make(1), verification: .off)
        #expect(throws: Never.self) { _ = try careless.run(rows([1], try careless.makeSequence()), bits: 4) { _ in } }
        // A copy in memory is what it was.
        let copied = try Bundle(path: tiny.path, copying: true)
        #expect(throws: TaperError.self) { _ = try logits(copied, [4]) }
    }

    /// What was given back comes from the file again, and is compared again.
    @Test func forgottenChecksAreMadeAgain() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 16, pool: .make(2))
        let checks = try #require(engine.comparedByteCount)
        #expect(checks == 0)
        let model = SingleSequence(engine, try engine.makeSequence())
        try model.read(Self.tokens, bits: 6)
        let once = try #require(engine.comparedByteCount)
        try model.read([1], bits: 6)
        #expect(once > 0 && engine.comparedByteCount == once)
        engine.forgetChecks()
        try model.read([1], bits: 6)
        #expect(engine.comparedByteCount == 2 * once)
    }
}
