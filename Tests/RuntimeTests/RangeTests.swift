import Bundle
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

    private func transformer(
        _ config: ModelConfig, factor: @escaping (String) -> Float
    ) throws -> (bundle: TinyBundle, transformer: Transformer) {
        let tiny = try TinyBundle(config, factor: factor)
        return (tiny, try Transformer(bundle: tiny.bundle, contextLength: 32, pool: .make(2)))
    }

    @Test(arguments: [
        (TensorName.Part.value, "a value"), (.key, "a key"),
    ]) func keysAndValuesBeyondHalfPrecision(part: TensorName.Part, what: String) throws {
        let name = TensorName.weight(part, layer: 1)
        let (_, model) = try transformer(TinyModels.llama) { $0 == name ? 0x1p20 : 1 }
        let tokens = [5, 6, 7]
        let text = try message { _ = try model.forward(tokens, bits: 4) }
        for fragment in [what, "position 0", "layer 1", "4 bits", "65504", "Convert"] {
            #expect(text.contains(fragment), "\(text)")
        }
        model.truncate(to: 0)
        #expect(try message { try model.forwardAll(tokens, bits: 6) { _, _ in } }.contains("position 0"))
        let sequence = try model.makeSequence()
        #expect(try message { try model.step([5], [sequence], bits: 6) { _, _ in } }.contains("position 0"))
        // Another precision of another model is not blamed.
        let (_, sound) = try transformer(TinyModels.llama) { _ in 1 }
        #expect(try sound.forward(tokens, bits: 4).allSatisfy { $0.isFinite })
    }

    /// The largest half is in order.
    @Test func valuesWithinHalfPrecisionPass() throws {
        let name = TensorName.weight(.value, layer: 1)
        let (_, model) = try transformer(TinyModels.llama) { $0 == name ? 0x1p10 : 1 }
        #expect(try model.forward([5, 6, 7], bits: 4).allSatisfy { $0.isFinite })
    }

    @Test func logitsThatAreNotFinite() throws {
        let (_, model) = try transformer(TinyModels.llama) { $0 == TensorName.finalNorm ? 2e38 : 1 }
        let text = try message { _ = try model.forward([5, 6, 7], bits: 4) }
        for fragment in ["logits are not finite", "position 2", "4 bits"] {
            #expect(text.contains(fragment), "\(text)")
        }
        model.truncate(to: 0)
        #expect(try message { try model.forwardAll([5, 6], bits: 4) { _, _ in } }.contains("position 0"))
        let sequence = try model.makeSequence()
        #expect(try message { try model.step([5], [sequence], bits: 4) { _, _ in } }.contains("position 0"))
        model.truncate(to: 0)
        var sampler = Sampler(.greedy)
        #expect(throws: TaperError(.badData, "")) {
            try generate(
                model, prompt: [5], maxNewTokens: 4, schedule: .constant(4), sampler: &sampler, stopTokens: []
            ) { _, _ in true }
        }
    }
}
