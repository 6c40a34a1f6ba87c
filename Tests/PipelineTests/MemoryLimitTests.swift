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

    /// 8 MB of text took 300 MB.
    @Test(arguments: ["", "--json"]) func longTextsAreTokenizedInLittleMemory(form: String) throws {
        let script =
            "yes 'In the beginning God created the heaven, and the 2 or 3 of them.' | head -c 8000000 > $2/text;"
            + "ulimit -v 200000; $TAPER tokenize $1 \(form) < $2/text | tail -c 40"
        let folder = try ScratchPath()
        let outcome = try Shell.run(script, [TaperProgram.root + "/samples/tiny/tokenizer.json", folder.path])
        #expect(outcome.errors.isEmpty && !outcome.output.isEmpty, "\(outcome.errors)")
    }

    /// A header of a million tensors took 416 MB. The sum of all shards counts.
    @Test func aHeaderOfVeryManyTensorsIsRefusedBeforeItIsKept() throws {
        let folder = try ScratchPath()
        let sample = TaperProgram.root + "/samples/tiny/"
        try AtomicFile.write(
            try Files.read(sample + "config.json", limit: 1 << 20), to: folder.path + "/config.json", replacing: false)
        for shard in 1...2 {
            let entries = (0..<100_000).map {
                "\"\(shard)-\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
            }
            let header = "{" + entries.joined(separator: ",") + "}"
            var file = ByteWriter()
            file.u64(UInt64(header.utf8.count))
            file.string(header)
            try AtomicFile.write(
                file.bytes, to: folder.path + "/model-0000\(shard)-of-00002.safetensors", replacing: false)
        }
        for command in ["$TAPER inspect $1", "$TAPER convert $1 -o $1/a.taper"] {
            let outcome = try Shell.run("ulimit -v 300000; " + command, [folder.path])
            #expect(outcome.status == 65 && outcome.errors.contains("too many tensors"), "\(outcome.errors)")
        }
    }

    @Test func aFileThatMayNotBeMappedIsAnErrorOfMemory() throws {
        let folder = try ScratchPath()
        try Files.createDirectory(folder.path)
        let outcome = try Shell.run(
            "truncate -s 2G $1/a.taper; ulimit -v 300000; $RUNNER -m $1/a.taper -p a", [folder.path])
        #expect(outcome.status == 74 && outcome.errors.contains("cannot map the file"), "\(outcome.errors)")
    }
}
