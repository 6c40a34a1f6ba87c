import Checkpoint
import Model
import Storage
import Testing

@Suite struct OLMo2Tests {
    private static let folder = FamilyFiles.oracle("olmo2")

    @Test func normsStandBehindAndQueriesAreNormalizedWhole() throws {
        let config = try Checkpoint.open(Self.folder).config
        #expect(config.normPlacement == .post && config.queryKeyNorm == .full)
        #expect(!config.has(.inputNorm) && !config.has(.mlpNorm))
        #expect(config.shape(.queryNorm).rows == config.querySize && config.shape(.keyNorm).rows == config.kvSize)
        #expect(!config.qkvBias && !config.attentionOutputBias)
    }

    @Test func biasesOfAttentionAreAskedForWhereTheyAreOn() throws {
        expectFailure(.badData, ["q_proj.bias"]) {
            try FamilyFiles.open(Self.folder) { $0["attention_bias"] = .bool(true) }
        }
    }
}
