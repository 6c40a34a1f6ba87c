import Pipeline
import Storage
import Testing

@Suite struct MemoryTests {
    private func require(weights: Int, of available: Int) throws(TaperError) {
        try requireMemory(
            for: "tuning", weights: weights, bytesPerWeight: 10, of: available, place: "model", remedy: "Tune less")
    }

    @Test func whatFitsOrIsNotKnownPasses() throws {
        try require(weights: 100, of: 1000)
        try require(weights: .max, of: 0)
        #expect(machineMemoryBytes() > 1 << 20)
    }

    @Test(arguments: [101, Int.max])
    func whatDoesNotFitIsRefusedWithARemedy(weights: Int) {
        do throws(TaperError) {
            try require(weights: weights, of: 1000)
            Issue.record("it passed")
        } catch {
            #expect(error.exitCode == 64)
            #expect(error.message.contains("tuning") && error.message.contains("Tune less"))
        }
    }
}
