import Checkpoint
import Model
import Storage
import Testing

/// Which layers of a config.json have a window, and which.
@Suite struct HuggingFaceLayersTests {
    private func windows(_ oracle: String, _ change: (inout [String: JSONValue]) -> Void) throws -> [Int?] {
        try FamilyFiles.open(FamilyFiles.oracle(oracle)) {
            $0["max_position_embeddings"] = .integer(8192)
            change(&$0)
        }.config.layers.map(\.window)
    }

    @Test func aWindowLeftOutIsThatOfTheClassAndNullIsNone() throws {
        #expect(try windows("mistral") { $0["sliding_window"] = nil } == [4096, 4096])
        #expect(try windows("mistral") { $0["sliding_window"] = .null } == [nil, nil])
        #expect(try windows("phi3") { $0["sliding_window"] = nil } == [nil, nil])
        #expect(
            try windows("qwen2-window") {
                $0["sliding_window"] = nil; $0["layer_types"] = nil
            } == [nil, 4096])
        #expect(
            try windows("qwen2-window") {
                $0["sliding_window"] = .null; $0["layer_types"] = nil
            } == [nil, nil])
        #expect(
            try windows("qwen2-window") {
                $0["sliding_window"] = nil; $0["layer_types"] = nil; $0["use_sliding_window"] = .bool(false)
            } == [nil, nil])
    }

    @Test(arguments: ["qwen2-window", "qwen3", "smollm3"])
    func listedWindowsThatAreTurnedOffAreRefused(_ oracle: String) {
        for flag in [JSONValue.bool(false), .null] {
            expectFailure(.badData, ["layer_types", "use_sliding_window"]) {
                _ = try windows(oracle) {
                    let count = $0["num_hidden_layers"]?.integer ?? 0
                    $0["layer_types"] = .array([JSONValue](repeating: .string("sliding_attention"), count: count))
                    $0["sliding_window"] = .integer(8)
                    $0["use_sliding_window"] = flag
                }
            }
        }
    }
}
