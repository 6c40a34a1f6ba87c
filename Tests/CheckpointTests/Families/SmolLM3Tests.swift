import Checkpoint
import Model
import Storage
import Testing

@Suite struct SmolLM3Tests {
    private static let folder = FamilyFiles.oracle("smollm3")

    private func turns(_ change: (inout [String: JSONValue]) -> Void) throws -> [Bool] {
        try FamilyFiles.open(Self.folder, change).config.layers.map { $0.rotation != nil }
    }

    @Test func zerosMarkLayersThatDoNotTurn() throws {
        #expect(
            try turns { $0["no_rope_layers"] = .array([0, 1, 1, 0].map { .integer($0) }) } == [
                false, true, true, false,
            ])
    }

    @Test func withoutAListEveryNthLayerDoesNotTurn() throws {
        let usual = try turns {
            $0["no_rope_layers"] = nil; $0["no_rope_layer_interval"] = nil
        }
        #expect(usual == [true, true, true, false])
        let second = try turns {
            $0["no_rope_layers"] = .null; $0["no_rope_layer_interval"] = .integer(2)
        }
        #expect(second == [true, false, true, false])
    }

    @Test func otherListsAreRefused() {
        let stray = JSONValue.array([.integer(1), .integer(1), .string("1"), .integer(1), .integer(0)])
        for list in [JSONValue.array([]), .array([1, 1, 1, 2].map { .integer($0) }), .integer(3), stray] {
            expectFailure(.badData, ["no_rope_layers"]) {
                try FamilyFiles.open(Self.folder) { $0["no_rope_layers"] = list }
            }
        }
        expectFailure(.badData, ["no_rope_layer_interval"]) {
            try FamilyFiles.open(Self.folder) { $0["no_rope_layer_interval"] = .integer(0) }
        }
    }
}
