import Checkpoint
import Model
import Storage
import Testing

/// Where config.json says the number of positions that a model was trained for before its rotation was scaled.
@Suite struct HuggingFaceRotationTests {
    private static let key = "original_max_position_embeddings"

    private func rotation(
        _ oracle: String, inside: Int?, beside: Int?
    ) throws -> Rotation? {
        try FamilyFiles.open(FamilyFiles.oracle(oracle)) {
            var members = ($0["rope_parameters"]?.members ?? []).filter { $0.key != Self.key }
            if let inside { members.append(.init(Self.key, .integer(inside))) }
            $0["rope_parameters"] = .object(members)
            $0[Self.key] = beside.map { .integer($0) }
        }.config.layers[0].rotation
    }

    @Test(arguments: ["llama-rope-yarn", "llama-rope-llama3"])
    func trainedPositionsMayStandBesideTheScaling(_ oracle: String) throws {
        let inside = try rotation(oracle, inside: 32, beside: nil)
        #expect(try rotation(oracle, inside: nil, beside: 32) == inside)
        #expect(try rotation(oracle, inside: 32, beside: 32) == inside)
        #expect(try rotation(oracle, inside: 64, beside: nil) != inside)
        expectFailure(.badData, [Self.key, "32", "64"]) { _ = try rotation(oracle, inside: 64, beside: 32) }
        expectFailure(.badData, [Self.key]) { _ = try rotation(oracle, inside: nil, beside: 0) }
    }

    private func longRoPE(_ key: String, _ change: (JSONValue) -> JSONValue) throws {
        try FamilyFiles.open(FamilyFiles.oracle("phi3-longrope")) {
            $0["rope_parameters"] = .object(
                ($0["rope_parameters"]?.members ?? []).map {
                    .init($0.key, $0.key == key ? change($0.value) : $0.value)
                })
        }
    }

    @Test func factorsOfLongRoPEAreCountedAndNeedItsType() throws {
        try longRoPE("short_factor") { $0 }
        for key in ["short_factor", "long_factor"] {
            expectFailure(.badData, [key]) {
                try longRoPE(key) { .array(($0.array ?? []) + [.string("1")]) }
            }
        }
        expectFailure(.unsupported, ["short_factor", "longrope"]) {
            try longRoPE("rope_type") { _ in .string("default") }
        }
        expectFailure(.badData, [Self.key]) { try longRoPE(Self.key) { _ in .integer(32) } }
    }

    @Test func withoutThemYaRNTakesTheContext() throws {
        #expect(
            try rotation("llama-rope-yarn", inside: nil, beside: nil)
                == rotation("llama-rope-yarn", inside: 256, beside: nil))
        expectFailure(.badData, [Self.key]) { _ = try rotation("llama-rope-llama3", inside: nil, beside: nil) }
    }
}
