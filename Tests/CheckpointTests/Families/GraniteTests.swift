import Checkpoint
import Model
import Storage
import Testing

@Suite struct GraniteTests {
    private static let folder = FamilyFiles.oracle("granite")

    private func read(_ part: TensorName.Part, _ change: (inout [String: JSONValue]) -> Void) throws -> [Float] {
        try FamilyFiles.open(Self.folder, change).read(TensorName.weight(part, layer: 0))
    }

    @Test func multipliersBecomePartOfTheWeights() throws {
        let plain = try read(.down) { $0["residual_multiplier"] = .integer(1) }
        let quarter = try read(.down) { $0["residual_multiplier"] = .number(0.25) }
        #expect(zip(plain, quarter).allSatisfy { $0 * 0.25 == $1 })
        let half = try read(.query) { $0["attention_multiplier"] = .number(0.5) }
        let double = try read(.query) { $0["attention_multiplier"] = .integer(1) }
        #expect(zip(half, double).allSatisfy { abs($0 * 2 - $1) <= abs($1) * 1e-6 })
    }

    @Test func partsOfAMatrixAreTheWholesRows() throws {
        let checkpoint = try Checkpoint.open(Self.folder)
        let name = TensorName.embedding
        let whole = try checkpoint.read(name)
        let width = checkpoint.config.hiddenSize
        #expect(try checkpoint.read(name, rows: 3..<5) == Array(whole[3 * width..<5 * width]))
    }

    @Test func multipliersArePositiveNumbersThatArithmeticCanTake() {
        for key in ["embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"] {
            for value in [0, -1, 1e-300, 1e300] {
                expectFailure(.badData, [key]) { try FamilyFiles.open(Self.folder) { $0[key] = .number(value) } }
            }
        }
    }

    @Test func weightsThatBecomeTooLargeAreRefused() throws {
        var model = TinyModel()
        model.config["architectures"] = .array([.string("GraniteForCausalLM")])
        model.config["model_type"] = .string("granite")
        model.config["embedding_multiplier"] = .integer(32)
        model.tensors[0].values[5] = 0x1p60
        let directory = try ScratchDirectory()
        try model.write(to: directory)
        let checkpoint = try Checkpoint.open(directory.path)
        expectFailure(.badData, ["[0, 5]", "too large"]) { _ = try checkpoint.read(TensorName.embedding) }
    }
}
