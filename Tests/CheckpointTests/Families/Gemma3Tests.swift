import Checkpoint
import Model
import Storage
import Testing

/// Gemma's configs as transformers 4 and 5 spell them; what a file leaves out is what the class takes.
@Suite struct Gemma3Tests {
    private static let folder = FamilyFiles.oracle("gemma3")

    @discardableResult
    private func open(_ change: (inout [String: JSONValue]) -> Void) throws -> Checkpoint {
        try FamilyFiles.open(Self.folder, change)
    }

    /// Bases of the first layer, which has a window, and of the last, which has none.
    private func thetas(_ change: (inout [String: JSONValue]) -> Void) throws -> [Double?] {
        let layers = try open(change).config.layers
        return [layers.first?.rotation?.theta, layers.last?.rotation?.theta]
    }

    private func kinds(_ full: [JSONValue.Member], _ sliding: [JSONValue.Member]) -> JSONValue {
        .object([.init("full_attention", .object(full)), .init("sliding_attention", .object(sliding))])
    }

    @Test func basesLeftOutAreThoseOfTheKindOfLayer() throws {
        #expect(try thetas { $0["rope_parameters"] = nil } == [10000, 1e6])
        #expect(try thetas { $0["rope_parameters"] = .object([]) } == [10000, 1e6])
        #expect(try thetas { $0["rope_parameters"] = kinds([], []) } == [10000, 1e6])
        let local = try thetas {
            $0["rope_parameters"] = nil
            $0["rope_theta"] = .number(5000)
            $0["rope_local_base_freq"] = .number(77)
        }
        #expect(local == [77, 5000])
        let both = try thetas {
            $0["rope_parameters"] = kinds([], [.init("rope_theta", .number(50))])
            $0["rope_local_base_freq"] = .number(77)
        }
        #expect(both == [50, 1e6])
        let beside = try thetas {
            $0["rope_parameters"] = kinds([.init("rope_theta", .number(50))], [])
            $0["rope_local_base_freq"] = .number(77)
        }
        #expect(beside == [77, 50])
    }

    @Test func oneRotationForBothKindsIsRefused() {
        expectFailure(.unsupported, ["rope_parameters", "full_attention and sliding_attention"]) {
            try open { $0["rope_parameters"] = .object([.init("rope_theta", .number(50))]) }
        }
    }

    @Test func theActivationIsHiddenActivation() throws {
        let checkpoint = try open {
            $0["hidden_activation"] = nil
            $0["hidden_act"] = .string("relu")
        }
        #expect(checkpoint.config.activation == .geluTanh && checkpoint.warnings.isEmpty)
        expectFailure(.unsupported, ["hidden_activation", "relu"]) {
            try open { $0["hidden_activation"] = .string("relu") }
        }
    }

    @Test func theWindowLeftOutIsThatOfTheClass() throws {
        let checkpoint = try open {
            $0["sliding_window"] = nil
            $0["max_position_embeddings"] = .integer(8192)
        }
        #expect(checkpoint.config.layers.map(\.window) == [4096, 4096, 4096, 4096, 4096, nil])
        expectFailure(.badData, ["sliding_window"]) { try open { $0["sliding_window"] = .null } }
    }

    @Test func scalesOutOfRangeAreRefused() {
        for value in [0, -1, 1e-300, 1e300] {
            expectFailure(.badData, ["query_pre_attn_scalar"]) {
                try open { $0["query_pre_attn_scalar"] = .number(value) }
            }
        }
    }

    @Test func keysOfPublishedFilesCauseNoWarning() throws {
        let checkpoint = try open {
            $0["cache_implementation"] = .string("hybrid")
            $0["sliding_window_size"] = .integer(4096)
            $0["use_bidirectional_attention"] = .null
        }
        #expect(checkpoint.warnings.isEmpty)
    }
}
