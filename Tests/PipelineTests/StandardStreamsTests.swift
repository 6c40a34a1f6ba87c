import Foundation
import Storage
import Testing

/// What both programs do when their standard streams are full, closed, slow, non-blocking or gone.
@Suite struct StandardStreamsTests {
    let checkpoint = TaperProgram.root + "/samples/tiny"
    let text = TaperProgram.root + "/samples/tiny/heldout.txt"

    private func sample() throws -> EvaluatedSample { try EvaluatedSample.shared.get() }

    /// `cases/inspect-full-stdout`: the line that taper-run says, too.
    @Test(arguments: [
        "$TAPER inspect $1 --json", "$TAPER logits $1 --tokens 1,2", "$TAPER --help", "$TAPER convert --help",
        "$TAPER --version", "$RUNNER -m $1 -p a -n 2", "$RUNNER --help",
    ])
    func aFullStandardOutputIsNamed(command: String) throws {
        let outcome = try Shell.run(command + " > /dev/full", [try sample().bundle])
        #expect(outcome.status == 74)
        #expect(outcome.errors.contains("error: standard output: cannot write: No space left on device\n"))
    }

    @Test(arguments: ["$TAPER inspect $1", "$RUNNER -m $1 -p a -n 2"])
    func aClosedStandardOutputIsAFailure(command: String) throws {
        let outcome = try Shell.run(command + " >&-", [try sample().bundle])
        #expect(outcome.status == 74)
        #expect(outcome.errors.contains("error: standard output: cannot write: Bad file descriptor\n"))
    }

    @Test(arguments: ["2> /dev/full", "2>&-", "2>&1 > /dev/null | true"], ["", "--quiet"])
    func standardErrorNeverChangesHowACommandEnds(redirection: String, quiet: String) throws {
        func status(_ command: String) throws -> Int32 {
            try Shell.run(command + " " + redirection + "; exit ${PIPESTATUS[0]}", [checkpoint, text]).status
        }
        #expect(try status("$TAPER eval perplexity $1 -f $2 --window 64 --windows 1 -t 1 \(quiet)") == 0)
        #expect(try status("$TAPER eval perplexity $1 -f $2 --window 1 \(quiet)") == 64)
        #expect(try status("$TAPER convert /no/such -o /tmp/never.taper \(quiet)") == 66)
        #expect(try status("$TAPER convert --no-such-flag") == 64)
        #expect(try status("$RUNNER -m /no/such -p a") == 66)
    }

    @Test func aReaderThatGoesAwayIsNoFailure() throws {
        let bundle = try sample().bundle
        for command in ["$TAPER logits $1 --tokens 1,2,3,4,5,6,7,8", "$RUNNER -m $1 -p a -n 200 --ignore-eos"] {
            let outcome = try Shell.run(command + " | head -c 10; exit ${PIPESTATUS[0]}", [bundle])
            #expect(outcome.status == 0)
            #expect(!outcome.errors.contains("error"))
        }
        // What a command found out still counts.
        let damaged = try Shell.run(
            "cp $1 $2 && printf xxxx | dd of=$2 bs=1 seek=5000 conv=notrunc status=none; "
                + "{ sleep 1; $TAPER inspect --verify --json $2; } | true; code=${PIPESTATUS[0]}; rm $2; exit $code",
            [bundle, bundle + ".damaged"])
        #expect([2, 65].contains(damaged.status))
    }

    @Test func noFileGetsTheNumberOfAClosedStream() throws {
        let folder = try ScratchPath()
        let output = folder.path + "/cut.taper"
        let outcome = try Shell.run("$TAPER convert $1 -o $2 --max-bits 2 <&- >&- 2>&-", [try sample().bundle, output])
        #expect(outcome.status == 0)
        #expect(try TaperProgram.run(["inspect", "--verify", output]).status == 0)
        // Everything a failing command says would have gone into the file.
        #expect(try Shell.run("$TAPER inspect $1 --verify >&- 2>&-", [output]).status == 74)
        #expect(try TaperProgram.run(["inspect", "--verify", output]).status == 0)
        let unread = try Shell.run("$TAPER tokenize $1 <&-", [output])
        #expect(unread.status == 74)
        #expect(unread.errors.contains("standard input: cannot read"))
    }

    /// A pipe that refuses to wait, read slowly: everything arrives.
    @Test func aNonBlockingPipeLosesNothing() throws {
        let arguments = ["logits", try sample().bundle, "--tokens", "1,2,3,4,5,6,7,8", "-t", "1"]
        let expected = try TaperProgram.run(arguments).output
        #expect(expected.utf8.count > 1 << 17)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        #expect(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
        let process = Process()
        process.executableURL = try TaperProgram.path("taper")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(fileDescriptor: ends[1])
        process.standardError = FileHandle.nullDevice
        try process.run()
        close(ends[1])
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 30_000)
        while true {
            usleep(2000)
            let count = read(ends[0], &chunk, chunk.count)
            if count <= 0 { break }
            received += chunk[0..<count]
        }
        close(ends[0])
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(String(decoding: received, as: UTF8.self) == expected)
    }

    @Test(arguments: ["$TAPER tokenize $1", "$RUNNER -m $1 -cnv", "$RUNNER -m $1 -f -"])
    func theFirstInterruptEndsWaitingForInput(command: String) throws {
        // The program waits at a pipe that stays open and empty; it gets the signal when it listens for it and sleeps.
        let script = """
            mkfifo $2; exec 3<>$2
            \(command) <&3 >/dev/null 2>/dev/null &
            for i in $(seq 1000); do
              caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$!/status)
              state=$(sed -n 's/^State:[[:space:]]*//p' /proc/$!/status)
              if [ $(( 0x$caught & 2 )) -ne 0 ] && [ "${state%% *}" = S ]; then break; fi
              sleep 0.02
            done
            sleep 0.2; kill -INT $!; wait $!
            """
        let folder = try ScratchPath()
        #expect(try Shell.run(script, [try sample().bundle, folder.path + "/fifo"]).status == 130)
    }

    @Test func controlCharactersOfNamesAreEscaped() throws {
        for command in ["$TAPER inspect \"$1\"", "$TAPER \"$1\"", "$RUNNER -m \"$1\" -p a", "$RUNNER \"$1\""] {
            let outcome = try Shell.run(command, ["x\u{1b}[31m\u{7}y"])
            #expect(outcome.status != 0)
            #expect(!outcome.errors.contains("\u{1b}") && !outcome.errors.contains("\u{7}"))
            #expect(outcome.errors.contains("x\\u{1b}[31m\\u{7}y"))
        }
    }

    @Test func namesThatAreNotUTF8Open() throws {
        let folder = try ScratchPath()
        let script = "name=$2/$(printf 'a\\xffb.taper'); cp $1 \"$name\"; "
        let inspected = try Shell.run(
            script + "$TAPER inspect --verify \"$name\" && $RUNNER -m \"$name\" -p a -n 1",
            [try sample().bundle, folder.path])
        #expect(inspected.status == 0)
        let absent = try Shell.run("$TAPER inspect $(printf 'no\\xff')")
        #expect(absent.status == 66)
        #expect(absent.errors.contains("no\\xff"))
    }

    @Test func promptsThatAreNotUTF8AreRefused() throws {
        let bundle = try sample().bundle
        #expect(try Shell.run("$RUNNER -m $1 -p $(printf 'a\\xffb')", [bundle]).status == 64)
        #expect(try Shell.run("printf 'a\\xffb' | $RUNNER -m $1 -f -", [bundle]).status == 65)
        #expect(try Shell.run("printf 'a\\xffb' | $TAPER tokenize $1", [bundle]).status == 65)
    }

    @Test func damagedMagicIsBadData() throws {
        let folder = try ScratchPath()
        let outcome = try Shell.run(
            "cp $1 $2 && printf X | dd of=$2 bs=1 conv=notrunc status=none; $TAPER inspect --verify $2",
            [try sample().bundle, folder.path + "/damaged.taper"])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("not a taper bundle"))
    }
}

/// A folder that goes with its holder.
final class ScratchPath {
    let path: String
    init() throws {
        path = NSTemporaryDirectory() + "taper-scratch-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
