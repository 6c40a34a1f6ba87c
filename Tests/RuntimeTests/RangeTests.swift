import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Numbers that leave their range are an error that says where, never a token.
@Suite struct RangeTests {
    private func message(_ body: () throws -> Void) throws -> String {
        do { try body() } catch let error as TaperError {
            #expect(error.code == .badData)
            return error.message
        }
        Issue.record("no error was thrown")
        return ""
    }

    private func load(
        _ config: ModelConfig, factor: @escaping (String) -> Float
    ) throws -> (bundle: TinyBundle, model: SingleSequence) {
        let tiny = try TinyBundle(config, factor: factor)
        return (tiny, try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(2)))
    }

    /// Of a chunk of tokens and a single one that run together, all logits wanted, none handed out.
    private func failures(
        _ model: SingleSequence, _ tokens: [Int], bits: Precision
    ) throws(TaperError) -> [ChunkFailure] {
        var rows = Rows<TokenSequence>()
        rows.append(tokens[...], to: model.sequence, wanting: .all)
        rows.append(5, to: try model.engine.makeSequence())
        return try model.engine.run(rows, bits: bits) { #expect($0.isEmpty) }
    }

    @Test(arguments: [
        (TensorName.Part.value, "a value"), (.key, "a key"),
    ]) func keysAndValuesBeyondHalfPrecision(part: TensorName.Part, what: String) throws {
        let name = TensorName.weight(part, layer: 1)
        let (_, model) = try load(TinyModels.llama) { $0 == name ? 0x1p20 : 1 }
        let tokens = [5, 6, 7]
        let text = try message { _ = try model.read(tokens, bits: 4) }
        for fragment in [what, "position 0", "layer 1", "4 bits", "65504", "Convert"] {
            #expect(text.contains(fragment), "\(text)")
        }
        model.truncate(to: 0)
        #expect(try message { try model.readAll(tokens, bits: 6) { _, _ in } }.contains("position 0"))
        // Of a batch only the sequence that it befell ends.
        model.truncate(to: 0)
        let failing = try failures(model, tokens, bits: 6)
        #expect(failing.map(\.chunk) == [0, 1] && failing.allSatisfy { $0.error.message.contains("position 0") })
        // Another precision of another model is not blamed.
        let (_, sound) = try load(TinyModels.llama) { _ in 1 }
        #expect(try sound.read(tokens, bits: 4).allSatisfy { $0.isFinite })
    }

    /// The largest half is in order.
    @Test func valuesWithinHalfPrecisionPass() throws {
        let name = TensorName.weight(.value, layer: 1)
        let (_, model) = try load(TinyModels.llama) { $0 == name ? 0x1p10 : 1 }
        #expect(try model.read([5, 6, 7], bits: 4).allSatisfy { $0.isFinite })
    }

    @Test func logitsThatAreNotFinite() throws {
        let (_, model) = try load(TinyModels.llama) { $0 == TensorName.finalNorm ? 2e38 : 1 }
        let text = try message { _ = try model.read([5, 6, 7], bits: 4) }
        for fragment in ["logits are not finite", "position 2", "4 bits"] {
            #expect(text.contains(fragment), "\(text)")
        }
        model.truncate(to: 0)
        #expect(try message { try model.readAll([5, 6], bits: 4) { _, _ in } }.contains("position 0"))
        model.truncate(to: 0)
        let failing = try failures(model, [5, 6], bits: 4)
        #expect(failing.map(\.chunk) == [0, 1] && failing.allSatisfy { $0.error.message.contains("position 0") })
        model.truncate(to: 0)
        var sampler = Sampler(.greedy)
        #expect(throws: TaperError(.badData, "")) {
            try generate(
                model.engine, model.sequence, prompt: [5], maxNewTokens: 4, scheduler: .fixed(.constant(4)),
                sampler: &sampler, stopTokens: []
            ) { _, _ in true }
        }
    }
}
