import Evaluation
import Storage
import Testing

@Suite struct KernelBenchmarkTests {
    @Test func everyPrecisionAndStepDownIsComparedWithSixteenBits() throws {
        var benchmark = KernelBenchmark()
        benchmark.precisions = [8, 4, 2]
        benchmark.stepDowns = [[4, 2], [3, 2]]
        benchmark.threads = [1, 2]
        benchmark.rounds = 3
        benchmark.bytesPerPass = 1 << 17
        let shape = KernelShape(name: "tiny", hiddenSize: 64, intermediateSize: 160, gatedMLP: true)
        for part in KernelShape.Part.allCases {
            let timings = try benchmark.run(shape, part)
            #expect(
                timings.map(\.bits) == [[16], [8], [4], [2], [4, 2], [3, 2], [16], [8], [4], [2], [4, 2], [3, 2]])
            #expect(timings.map(\.threads) == [Int](repeating: 1, count: 6) + [Int](repeating: 2, count: 6))
            for timing in timings {
                #expect(timing.secondsPerStep.count == 3 && timing.secondsPerStep.allSatisfy { $0 > 0 })
                #expect(timing.speedup.count == 3 && timing.readSpeed.count == 3)
            }
            #expect(timings[0].speedup == [1, 1, 1] && timings[0].label == "16 bits")
            #expect(timings[4].bytesPerStep == (timings[2].bytesPerStep + timings[3].bytesPerStep) / 2)
            #expect(timings[4].label == "4 then 2 bits")
        }
        // Two bytes a weight: four projections, or gate, up and down; columns of 160 are padded to 192.
        let attention = try benchmark.run(shape, .attention)[0]
        let mlp = try benchmark.run(shape, .mlp)[0]
        #expect(attention.bytesPerStep == Double(4 * 64 * 64 * 2))
        #expect(mlp.bytesPerStep == Double((2 * 160 * 64 + 64 * 192) * 2))
    }

    @Test func shapesAreThePapers() throws {
        #expect(try KernelShape.parse("phi-1.5,vicuna-7b,phi-1.5").map(\.name) == ["phi-1.5", "vicuna-7b"])
        #expect(KernelShape.all.count == 4)
        for text in ["", "vicuna", "phi-1.5,"] {
            #expect(throws: TaperError(.usage, "")) { try KernelShape.parse(text) }
        }
        var benchmark = KernelBenchmark()
        benchmark.precisions = [16]
        #expect(throws: TaperError(.usage, "")) { try benchmark.run(KernelShape.all[0], .mlp) }
    }
}
