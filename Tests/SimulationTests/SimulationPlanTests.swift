import Bundle
import Model
import Simulation
import Storage
import Testing

@Suite struct SimulationPlanTests {
    private func result(_ hardware: String, _ schedules: [SimulatedSchedule], shape: String = "smollm2-135m") throws
        -> SimulationResult
    {
        try SimulationPlan(
            try SampleFiles.shape(shape), on: try SampleFiles.hardware(hardware), schedules: schedules
        ).run()
    }

    private func constant(_ bits: Precision, steps: Int = 12) -> SimulatedSchedule {
        SimulatedSchedule(bits.label, PrecisionTrace(.constant(bits), promptTokens: 16, steps: steps))
    }

    @Test func fewerBitsAreFasterWhereMemoryIsTheLimit() throws {
        let rows = try result("edge-npu-2tops", [6, 5, 4, 3, 2].map { constant($0) }).rows
        for (more, fewer) in zip(rows, rows.dropFirst()) {
            #expect(fewer.secondsPerToken < more.secondsPerToken && fewer.joulesPerToken < more.joulesPerToken)
            #expect(fewer.bytesPerToken < more.bytesPerToken && fewer.intensity > more.intensity)
        }
        let baseline = try result("edge-npu-2tops", [constant(6), constant(4)])
        #expect(baseline.baseline.label == "Baseline-H: 6 bits")
        #expect(baseline.speedup(baseline.rows[0], over: baseline.baseline) == 1)
    }

    /// One token fills one row of a systolic array: fewer bits soon gain nothing there.
    @Test func anArrayForImagesIsBoundByItsMultipliers() throws {
        let result = try result("edge-npu-16tops", [constant(4), constant(2)], shape: "phi-1.5")
        #expect(result.rows[1].bound == "multipliers")
        #expect(result.rows[0].secondsPerToken < 1.1 * result.rows[1].secondsPerToken)
    }

    @Test func expectationsAreWeightedByShares() throws {
        let (high, low) = (try result("phone", [constant(4)]).rows[0], try result("phone", [constant(2)]).rows[0])
        let mixed = try result(
            "phone",
            [
                try SimulatedSchedule(
                    learned: 4, 2, shares: [0.25, 0, 0, 0.75], prefillBits: 4, promptTokens: 16, steps: 12)
            ]
        ).rows[0]
        #expect(abs(mixed.averageBits - 3.5) < 1e-12)
        // The first step may differ: its prompt was read at the other precision.
        let expected = 0.75 * high.secondsPerToken + 0.25 * low.secondsPerToken
        #expect(abs(mixed.secondsPerToken / expected - 1) < 0.02)
    }

    @Test func whatDoesNotFitTheMemoryIsSaid() throws {
        let warnings = try result("edge-npu-2tops", [constant(3, steps: 2)], shape: "vicuna-7b").warnings
        #expect(warnings.count == 1 && warnings[0].hasPrefix("the model in 16 bits"))
    }

    @Test func impossibleGenerationsAreRefused() throws {
        let simulation = try Simulation(
            try SampleFiles.shape("smollm2-135m"), on: try SampleFiles.hardware("phone"))
        for trace in [
            PrecisionTrace(promptTokens: 0, prefillBits: 4, bitsPerStep: [4]),
            PrecisionTrace(promptTokens: Simulation.positionLimit, prefillBits: 4, bitsPerStep: [4]),
            PrecisionTrace(promptTokens: 4, prefillBits: 4, bitsPerStep: [Precision(hundredths: 350)]),
        ] {
            #expect(throws: TaperError(.usage, "")) { try simulation.run(trace) }
        }
    }

    @Test func theTimelineCoversItsStep() throws {
        let result = try result("edge-npu-2tops", [constant(3)])
        let line = result.timeline
        #expect(line.layerCount == 30)
        let work = line.multipliers + line.vector
        #expect(work.allSatisfy { $0.start >= 0 && $0.end <= line.seconds + 1e-12 && $0.start <= $0.end })
        for layer in 0..<30 { #expect(work.contains { $0.layer == layer }) }
        // Operations go one after the other.
        let ordered = work.sorted { $0.start < $1.start }
        for (before, after) in zip(ordered, ordered.dropFirst()) { #expect(before.end <= after.start + 1e-12) }
        let json = SimulationReport(result).json
        #expect(json["timeline"]?["layers"]?.array?.count == 30)
        #expect(json["schema"]?.string == "taper-simulate-1" && json["rows"]?.array?.count == 3)
    }

    /// The upper half has bars of every layer up to the head, the lower one of the first two layers.
    @Test func thePlotShowsTheWholeStepAndTwoLayers() throws {
        let result = try result("edge-npu-2tops", [constant(3)])
        let plot = try #require(
            SimulationPlots(result, constants: result.rows).files().first { $0.file == "simulate-timeline.svg" })
        /// Attributes of all elements of a class.
        func elements(_ name: String, _ style: String) -> [[String: Double]] {
            plot.svg.split(separator: "\n").filter { $0.hasPrefix("<" + name) && $0.contains(style) }.map { line in
                var values: [String: Double] = [:]
                let parts = line.split(whereSeparator: { " \"/>".contains($0) })
                for (key, value) in zip(parts, parts.dropFirst()) where key.hasSuffix("=") {
                    values[String(key.dropLast())] = Double(value)
                }
                return values
            }
        }
        let bars = elements("rect", " bar\"")
        let (upper, lower) = (bars.filter { $0["y"] ?? 0 < 200 }, bars.filter { $0["y"] ?? 0 > 250 })
        func end(_ all: [[String: Double]]) -> Double { all.map { ($0["x"] ?? 0) + ($0["width"] ?? 0) }.max() ?? 0 }
        #expect(upper.count > 30 && lower.count > 12)
        #expect(abs(end(upper) - 690) < 1 && abs(end(lower) - 690) < 1)
        let ends = elements("line", "axis").filter { $0["x1"] == $0["x2"] }
        #expect(ends.filter { $0["y1"] ?? 0 < 250 }.count == 30 && ends.filter { $0["y1"] ?? 0 > 250 }.count == 2)
    }

    @Test func aBundlesLearnedSchedulerNeedsItsRecordedChoices() throws {
        for name in ["learned", "minimal"] {
            let bundle = try Bundle(path: SampleFiles.root + "/formats/golden/valid/\(name).taper")
            #expect(throws: TaperError(.usage, "")) {
                try SimulatedSchedule(learnedBy: bundle, prefillBits: nil, promptTokens: 4, steps: 9)
            }
        }
    }
}
