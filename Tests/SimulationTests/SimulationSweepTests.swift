import Model
import Simulation
import Storage
import Testing

@Suite struct SimulationSweepTests {
    private func sweep(_ axes: [String]) throws -> SimulationSweep {
        try SimulationSweep(
            axes: axes, hardware: try SampleFiles.hardware("edge-npu-2tops"), precisions: [2, 4], place: "--sweep")
    }

    @Test func axesAreCrossed() throws {
        let rows = try sweep(["bandwidth=12800,51200", "buffer=65536,1048576", "bits=2-3"]).run(
            try SampleFiles.shape("smollm2-135m"), on: try SampleFiles.hardware("edge-npu-2tops"), promptTokens: 4,
            steps: 2)
        #expect(rows.count == 8)
        for row in rows.filter({ $0.megabytesPerSecond == 12800 }) {
            let fast = rows.first {
                $0.megabytesPerSecond == 51200 && $0.bufferByteCount == row.bufferByteCount
                    && $0.result.label == row.result.label
            }
            #expect(try #require(fast).result.secondsPerToken < row.result.secondsPerToken)
        }
    }

    @Test(arguments: [
        ["speed=1"], ["bandwidth"], ["bandwidth=0"], ["bandwidth=1,x"], ["bits=2", "bits=3"], ["bits=0"],
        ["bandwidth=" + (1...600).map(String.init).joined(separator: ",")],
    ])
    func otherAxesAreRefused(_ axes: [String]) {
        #expect(throws: TaperError(.usage, "")) { try sweep(axes) }
    }

    @Test func buffersWithoutRoomForATileAreRefused() throws {
        #expect(throws: TaperError(.badData, "")) {
            try sweep(["buffer=2048"]).run(
                try SampleFiles.shape("smollm2-135m"), on: try SampleFiles.hardware("edge-npu-2tops"), promptTokens: 4,
                steps: 2)
        }
    }
}
