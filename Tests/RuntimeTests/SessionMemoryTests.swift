import Foundation
import Storage
import Testing

/// `--memory-limit` and `--fit` of the program.
@Suite struct SessionMemoryTests {
    private func report(_ arguments: [String]) throws -> (json: JSONValue, errors: String) {
        let tiny = try TalkingBundle.make()
        let outcome = try RunnerProgram.run(
            ["-m", tiny.path, "-p", "abc", "-n", "12", "--ignore-eos", "--json"] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return (try JSONValue.parse(Array(outcome.output.utf8), place: "output"), outcome.errors)
    }

    @Test func withRoomForAllNothingChanges() throws {
        let plain = try report([]).json
        #expect(plain["memory"]?.isNull == true)
        for limit in ["100GB", "auto"] {
            let limited = try report(["--memory-limit", limit]).json
            for key in ["text", "bits_per_step"] {
                #expect(limited[key]?.text() == plain[key]?.text() && limited[key] != nil)
            }
            let memory = try #require(limited["memory"])
            #expect(memory["changes"]?.array?.count == 1 && memory["levels"]?.array?.count == 4)
            #expect((memory["limit_bytes"]?.integer ?? 0) > 1 << 20)
            #expect(memory["fits"]?.bool == true && memory["fit_bits"]?.isNull == true)
        }
    }

    @Test func aFileSaysTheLimit() throws {
        let path = NSTemporaryDirectory() + "taper-limit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tiny = try TalkingBundle.make()
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "3", "--memory-limit", "file:" + path]
        #expect(try RunnerProgram.run(arguments).status == 66)
        try "plenty".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try RunnerProgram.run(arguments).status == 64)
        try "3 GB\n".write(toFile: path, atomically: true, encoding: .utf8)
        let memory = try report(["--memory-limit", "file:" + path]).json["memory"]
        #expect(memory?["limit_bytes"]?.integer == 3_000_000_000)
    }

    @Test func tooLittleMemoryIsAnErrorThatSaysHowMuchIsNeeded() throws {
        let tiny = try TalkingBundle.make()
        let outcome = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "--memory-limit", "100kB"])
        #expect(outcome.status == 64 && outcome.output.isEmpty)
        #expect(
            outcome.errors.hasPrefix("error: --memory-limit: the lowest precision needs more memory; expected at least")
        )
    }

    @Test func whatFitsIsTakenAndItsCostIsTold() throws {
        let (json, errors) = try report(["--fit", "--memory-limit", "10GB"])
        #expect(errors.contains("fits: 6 bits, ") && errors.contains("of 10.0 GB with a full context"))
        #expect(errors.contains("6 bits, whose quality was not measured"))
        #expect(json["memory"]?["fit_bits"]?.integer == 6)
    }

    @Test(arguments: [
        ["--memory-limit", "1G", "--mlock"], ["--memory-limit", "auto", "--no-mmap"], ["--fit", "--bits", "4"],
        ["--fit", "--no-mmap"],
    ])
    func whatContradictsIsRefused(arguments: [String]) throws {
        let outcome = try RunnerProgram.run(["-m", "x", "-p", "a"] + arguments)
        #expect(outcome.status == 64 && outcome.errors.contains("exclude each other"))
    }

    @Test(arguments: ["lots", "0", "-1G", "file:"]) func whatIsNoSizeIsRefused(size: String) throws {
        let outcome = try RunnerProgram.run(["-m", "x", "-p", "a", "--memory-limit", size])
        #expect(outcome.status == 64 && outcome.errors.hasPrefix("error: --memory-limit: "))
    }
}
