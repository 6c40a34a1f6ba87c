import Evaluation
import Experiments
import Model
import Runtime
import Storage
import Testing

@Suite struct ExperimentMethodTests {
    private func frame(_ high: Precision, _ low: Precision, served: [Precision]) throws -> ExperimentFrame {
        try ExperimentFrame(high: high, low: low, prefill: high, maxNewTokens: 64, served: served)
    }

    /// Precision of every step of an answer as long as the full-precision model's.
    private func bits(_ method: ExperimentMethod, length: Int) throws -> [Precision] {
        guard case .pattern(let rule) = try #require(method.strategy).rule else { return [] }
        return (0..<length).map { rule(0, $0) }
    }

    /// All placements of a half have the same bits, whatever the length.
    @Test(arguments: [1, 2, 7, 8, 33, 63])
    func placementsOfAHalfHaveEqualBits(_ length: Int) throws {
        let methods = try frame(4, 2, served: [2, 4]).patterns(lengths: [length])
        let halves = methods.filter { $0.label.hasSuffix("half") || $0.label == "alternate" }
        #expect(halves.count == 4)
        for method in halves {
            #expect(try bits(method, length: length).filter { $0 == 4 }.count == (length + 1) / 2, "\(method.label)")
        }
        let quarter = try #require(methods.first { $0.label == "first quarter" })
        #expect(try bits(quarter, length: length).filter { $0 == 4 }.count == (length + 3) / 4)
    }

    @Test func placementsAreWhereTheirNamesSay() throws {
        let methods = try frame(4, 2, served: [2, 4]).patterns(lengths: [8])
        func text(_ label: String) throws -> String {
            try bits(try #require(methods.first { $0.label == label }), length: 8).map(\.text).joined()
        }
        #expect(try text("first half") == "44442222")
        #expect(try text("middle half") == "22444422")
        #expect(try text("last half") == "22224444")
        #expect(try text("alternate") == "42424242")
        #expect(try text("first quarter") == "44222222")
        #expect(try text("first three quarters") == "44444422")
    }

    @Test func everyConstantIsAnOpponent() throws {
        let frame = try frame(4, 2, served: [2, 3, Precision(hundredths: 350), 4, 5])
        let labels = frame.constants().map(\.label)
        #expect(
            labels == [
                "Baseline-H: 4 bits", "Baseline-L: 2 bits", "constant 3.5 bits (rung)", "constant 3 bits",
            ])
        // Below the low precision too: it is cheaper.
        #expect(
            try self.frame(4, 3, served: [2, 3, 4]).constants().map(\.label).last == "constant 2 bits")
    }

    @Test func fixedSchedulesOnlyStepDown() throws {
        let schedules = try frame(4, 2, served: [2, 3, 4]).fixedSchedules()
        #expect(schedules.map(\.label) == ["4@0,2@21", "4@0,2@42", "4@0,3@21,2@42"])
        #expect(try frame(4, 2, served: [2, 4]).classes == [0, 21, 42, 64])
        #expect(try frame(4, 2, served: [2, 4]).stepDown(at: 0) == .constant(2, prefillBits: 4))
        #expect(try frame(4, 2, served: [2, 4]).stepDown(at: 64) == .constant(4))
        #expect(throws: TaperError.self) {
            try PrecisionSchedule(
                prefillBits: 4, steps: [.init(fromStep: 0, bits: 2), .init(fromStep: 8, bits: 4)], place: "test")
        }
    }

    @Test func draftsHaveFewerBitsThanWhatVerifiesThem() throws {
        let frame = try frame(4, 2, served: [2, 3, 4, 5])
        let methods = try frame.drafts([2, 3])
        #expect(methods.map(\.label) == ["speculation: 4 verifies 2", "speculation: 4 verifies 3"])
        #expect(methods.allSatisfy { $0.strategy == nil && $0.prefillBits == 4 && $0.kind == .speculation })
        for bits: Precision in [4, 5, 6] { #expect(throws: TaperError.self) { try frame.drafts([bits]) } }
    }

    @Test func impossibleFramesAreRefused() throws {
        #expect(throws: TaperError.self) { try frame(4, 4, served: [2, 4]) }
        #expect(throws: TaperError.self) { try frame(4, 3, served: [2, 4]) }
        #expect(throws: TaperError.self) { try frame(2, 4, served: [2, 4]) }
    }
}
