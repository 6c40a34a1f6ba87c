import Model
import Simulation
import Storage
import Testing

/// What Chen et al. (arXiv 2410.13461) report of their simulated accelerator: 4 to 8 times over 16 bits, more for larger models,
/// static and learned schedulers about equal.
@Suite struct PaperShapeTests {
    /// A model of the paper with its two precisions, and the average bits of its schedulers on CNN/DM, or IWSLT for Zephyr-3B.
    struct Case: Sendable {
        let shape: String
        let high, low: Int
        let staticBits, learnedBits: Double
    }
    private static let cases = [
        Case(shape: "vicuna-7b", high: 3, low: 2, staticBits: 2.39, learnedBits: 2.43),
        Case(shape: "mobilellama-1.4b", high: 4, low: 3, staticBits: 3.37, learnedBits: 3.19),
        Case(shape: "phi-1.5", high: 4, low: 3, staticBits: 3.71, learnedBits: 3.09),
        Case(shape: "zephyr-3b", high: 4, low: 3, staticBits: 3.0, learnedBits: 3.34),
    ]

    /// Speedups over 16 bits of static and learned schedules.
    private func speedups(_ item: Case) throws -> [Double] {
        let (high, low) = (Precision(bits: item.high), Precision(bits: item.low))
        let steps = 96
        let schedules = [item.staticBits, item.learnedBits].map { average in
            let highSteps = Int((Double(steps) * (average - low.bits)).rounded())
            let bits = (0..<steps).map { $0 < highSteps ? high : low }
            return SimulatedSchedule(
                "\(average)", PrecisionTrace(promptTokens: 64, prefillBits: high, bitsPerStep: bits))
        }
        let plan = SimulationPlan(
            try SampleFiles.shape(item.shape), on: try SampleFiles.hardware("edge-npu-2tops"), schedules: schedules)
        let result = try plan.run()
        #expect(result.half.bound == "memory" && result.rows.allSatisfy { $0.bound == "memory" })
        for row in result.rows {
            #expect(result.speedup(row, over: result.baseline) >= 0.999)
            #expect(row.joulesPerToken < result.half.joulesPerToken / 2)
            #expect(row.tableShare > 0 && row.tableShare < 0.05)
        }
        return result.rows.map { result.speedup($0, over: result.half) }
    }

    @Test func speedupsAreThoseOfThePaper() throws {
        var all: [String: [Double]] = [:]
        for item in Self.cases { all[item.shape] = try speedups(item) }
        for (shape, found) in all {
            #expect(found.allSatisfy { $0 > 3.3 && $0 < 8 }, "\(shape): \(found)")
            #expect(abs(found[0] / found[1] - 1) < 0.2, "\(shape): \(found)")
        }
        let largest = all.removeValue(forKey: "vicuna-7b")
        let vicuna = try #require(largest)
        #expect(vicuna.allSatisfy { $0 > 5 })
        for (shape, found) in all { #expect((found.max() ?? 9) < (vicuna.min() ?? 0), "\(shape)") }
    }
}
