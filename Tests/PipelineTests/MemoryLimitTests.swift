import Storage
import Testing

/// Both programs under a limit of address space: an error that says so, never a death by signal.
@Suite struct MemoryLimitTests {
    /// `cases/robust/bomb-chat.taper`: 65 kB that took 1.1 GB.
    @Test(arguments: ["$TAPER inspect $1", "$TAPER eval perplexity $1 -f $1", "$RUNNER -m $1 -p a"])
    func aSmallBundleCannotTakeMuchMemory(command: String) throws {
        let bundle = TaperProgram.root + "/Tests/Cases/bomb-chat/bomb-chat.taper"
        let outcome = try Shell.run("ulimit -v 250000; " + command, [bundle])
        #expect(outcome.status == 65)
        let isNamed = outcome.errors.contains("section chat: the JSON text holds too many values")
        #expect(command.contains("eval") || isNamed)
    }

    @Test func runningOutOfMemoryIsAnErrorWithACode() throws {
        let shape = "hidden=4096,layers=1,heads=32,ffn=4096,vocab=2000000"
        let outcome = try Shell.run("ulimit -v 1000000; $TAPER bench --synthetic \(shape) -p 0 -n 1 -r 1 --bits 2")
        #expect(outcome.status == 74)
        #expect(outcome.errors.contains("memory") || outcome.errors.contains("not enough space"))
    }

    @Test func aCacheThatDoesNotFitIsAnErrorWithACode() throws {
        let outcome = try Shell.run(
            "ulimit -v 1000000; $RUNNER -m $1 -p a -n 1 -c 16777216", [try EvaluatedSample.shared.get().bundle])
        #expect(outcome.status == 74)
        #expect(outcome.errors.contains("memory"))
    }

    /// OpenBLAS waits for ever for memory that it is refused.
    @Test(arguments: [200000, 400000]) func productsWithoutRoomEndInsteadOfWaiting(kilobytes: Int) throws {
        let outcome = try Shell.run(
            "ulimit -v \(kilobytes); timeout -s KILL 60 $TAPER logits $1 --tokens 1,2,3 -t 1 --json",
            [TaperProgram.root + "/samples/tiny"])
        #expect(outcome.status == 0 || outcome.status == 74, "\(outcome.errors)")
    }
}
