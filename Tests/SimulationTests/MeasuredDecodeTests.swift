import Model
import Simulation
import Storage
import Testing

/// What is read of a benchmark, and what a simulation is compared with.
@Suite struct MeasuredDecodeTests {
    private let row = """
        {"label": "4 bits", "threads": 1, "switch_points": "4@0", "step_seconds": [0.003, 0.001, 0.002],
         "decode_weight_bytes": 10, "decode_cache_bytes": 20, "decode_multiplications": 30, "prefill_bits": 4,
         "prefill_weight_bytes": 1, "prefill_cache_bytes": 2, "prefill_multiplications": 3}
        """

    private func read(_ row: String, prompt: Int = 0) throws -> [MeasuredDecode] {
        let text = "{\"depth\": 3, \"new_tokens\": 5, \"prompt_tokens\": \(prompt), \"rows\": [\(row)]}"
        return try MeasuredDecode.read(try JSONValue.parse(Array(text.utf8), place: "bench.json"), place: "bench.json")
    }

    @Test func theMedianOfTheRunsIsTaken() throws {
        let run = try #require(try read(row).first)
        #expect(run.secondsPerToken == 0.002 && run.prompt == nil)
        #expect(run.trace == PrecisionTrace(promptTokens: 4, prefillBits: 4, bitsPerStep: [4, 4, 4, 4, 4]))
        #expect(run.counts.weightBytes == 10 && run.counts.multiplications == 30)
    }

    @Test func promptsThatWereReadApartAreCompared() throws {
        let runs = try read(row, prompt: 700)
        let prompt = try #require(runs.first?.prompt)
        #expect(prompt.tokens == 700 && prompt.bits == 4 && prompt.counts.cacheBytes == 2)
        let simulation = try Simulation(
            try SampleFiles.shape("smollm2-135m"), on: try SampleFiles.hardware("raspberry-pi"))
        let item = try #require(try MeasuredDecode.compare(runs, simulation).first)
        #expect(!item.countsAgree)
        #expect(try #require(item.promptCounts).multiplications > 700 * 100_000_000)
        let json = MeasuredDecode.json([item], hardware: simulation.hardware)
        #expect(json["rows"]?.array?.first?["prompt_counted"]?["multiplications"]?.integer == 3)
    }

    @Test(arguments: ["step_seconds", "switch_points", "decode_cache_bytes", "prefill_multiplications", "prefill_bits"])
    func reportsWithoutAFigureAreRefused(_ key: String) {
        let other = row.replacing("\"\(key)\"", with: "\"other\"")
        #expect(throws: TaperError(.badData, "")) { try read(other, prompt: 8) }
    }

    @Test func twoThreadCountsAreRefused() {
        #expect(throws: TaperError(.badData, "")) {
            try read(row + ", " + row.replacing("\"threads\": 1", with: "\"threads\": 2"))
        }
    }
}
