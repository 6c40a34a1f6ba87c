import Bundle
import Decoding
import Foundation
import Kernels
import Model
import Runtime
import Storage
import Testing
import Text

@Suite struct RunnerTests {
    private func json(_ arguments: [String], environment: [String: String] = [:]) throws -> JSONValue {
        let outcome = try RunnerProgram.run(arguments + ["--json"], environment: environment)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try JSONValue.parse(Array(outcome.output.utf8), place: "output")
    }
    private func tokens(_ json: JSONValue, _ key: String = "tokens") -> [Int] {
        (json[key]?.array ?? []).compactMap(\.integer)
    }

    @Test func writesWhatTheLibraryGenerates() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let prompt = try TalkingBundle.tokenizer().encode("Once upon")
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 100, pool: .make(1))
        var sampler = Sampler(.greedy)
        let schedule = try PrecisionSchedule(parsing: "6@0,3@5", prefillBits: 6, place: "test")
        let expected = try generate(
            single.engine, single.sequence, prompt: prompt, maxNewTokens: 30, scheduler: .fixed(schedule),
            sampler: &sampler, stopTokens: [2]
        ) { _, _ in true }
        let arguments = ["-m", tiny.path, "-p", "Once upon", "-n", "30", "--switch", "6@0,3@5"]
        var texts: Set<String> = []
        for threads in ["1", "2", "3"] {
            for set in InstructionSet.available {
                let environment = ["TAPER_ISA": set.name]
                let result = try json(arguments + ["-t", threads], environment: environment)
                #expect(tokens(result) == expected.tokens)
                #expect(tokens(result, "bits_per_step") == expected.bitsPerStep.map(\.wholeBits))
                #expect(result["prompt_tokens"]?.integer == prompt.count)
                #expect(result["average_bits"]?.double == expected.averageBits)
                #expect(result["schema"]?.string == "taper.run/1")
                let plain = try RunnerProgram.run(arguments + ["-t", threads], environment: environment)
                #expect(plain.output == (result["text"]?.string ?? "") + "\n")
                texts.insert(plain.output)
            }
        }
        #expect(texts.count == 1)
    }

    @Test func theClosingLineGoesToStandardError() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "12", "--switch", "4@0,2@4"]
        let outcome = try RunnerProgram.run(arguments)
        #expect(outcome.status == 0)
        for part in ["prompt 4 tokens at 6 bits", "wrote 12 tokens", "tok/s", "bits and", "per token", "4@0,2@4"] {
            #expect(outcome.errors.contains(part), "\(outcome.errors)")
        }
        let quiet = try RunnerProgram.run(arguments + ["--quiet"])
        #expect(quiet.errors.isEmpty && quiet.output == outcome.output)
    }

    @Test func thePromptIsAUserMessageUnlessRaw() throws {
        let tiny = try TalkingBundle.make()
        let tokenizer = try TalkingBundle.tokenizer()
        let template = try #require(TalkingBundle.template)
        let user = ChatMessage(role: "user", content: "hi")
        let chat = try template.encode([user], addGenerationPrompt: true, tokenizer: tokenizer)
        #expect(try json(["-m", tiny.path, "-p", "hi", "-n", "1"])["prompt_tokens"]?.integer == chat.count)
        let system = try template.encode(
            [ChatMessage(role: "system", content: "be brief"), user], addGenerationPrompt: true, tokenizer: tokenizer)
        let withSystem = try json(["-m", tiny.path, "-p", "hi", "-n", "1", "-sys", "be brief"])
        #expect(withSystem["prompt_tokens"]?.integer == system.count)
        let raw = try json(["-m", tiny.path, "-p", "hi", "-n", "1", "-no-cnv"])
        #expect(raw["prompt_tokens"]?.integer == 3)
        let plain = try TalkingBundle.make(chat: false)
        let refused = try RunnerProgram.run(["-m", plain.path, "-p", "hi", "-sys", "be brief"])
        #expect(refused.status == 64 && refused.errors.contains("--system-prompt"))
    }

    @Test func promptsComeFromFilesAndStandardInput() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let expected = try RunnerProgram.run(["-m", tiny.path, "-p", "one\ntwo", "-n", "9"]).output
        let file = NSTemporaryDirectory() + "taper-prompt-\(UUID().uuidString)"
        try "one\ntwo\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { Files.remove(file) }
        #expect(try RunnerProgram.run(["-m", tiny.path, "-f", file, "-n", "9"]).output == expected)
        let piped = try RunnerProgram.run(["-m", tiny.path, "-f", "-", "-n", "9"], input: "one\ntwo")
        #expect(piped.output == expected)
        #expect(try RunnerProgram.run(["-m", tiny.path, "-e", "-p", "one\\ntwo", "-n", "9"]).output == expected)
        #expect(try RunnerProgram.run(["-m", tiny.path, "-f", file + ".missing"]).status == 66)
        let nothing = try RunnerProgram.run(["-m", tiny.path])
        #expect(nothing.status == 64 && nothing.errors.contains("no prompt"))
    }

    @Test func aReversePromptEndsTheText() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "60", "--temp", "1.5", "-s", "4", "--top-k", "0"]
        let free = try #require(try json(arguments)["text"]?.string)
        let scalars = Array(free.unicodeScalars)
        var stop = String.UnicodeScalarView()
        stop.append(contentsOf: scalars[10..<13])
        let stopText = String(stop)
        let position = try #require(free.utf8.firstRange(of: Array(stopText.utf8)))
        let result = try json(arguments + ["-r", stopText])
        #expect(result["text"]?.string == String(free.utf8[..<position.lowerBound]))
        #expect(result["stop_reason"]?.string == "stopped")
    }

    @Test func seedsDecideWhatIsDrawn() throws {
        let tiny = try TalkingBundle.make(chat: false)
        func text(_ seed: String) throws -> [Int] {
            tokens(try json(["-m", tiny.path, "-p", "abc", "-n", "40", "--temp", "2", "--top_k=0", "-s", seed]))
        }
        #expect(try text("1") == text("1"))
        #expect(try text("1") != text("2"))
    }

    @Test func biasesAndEndOfSequence() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let first = tokens(try json(["-m", tiny.path, "-p", "abc", "-n", "8"]))[0]
        let without = tokens(try json(["-m", tiny.path, "-p", "abc", "-n", "8", "--logit-bias", "\(first)-inf"]))
        #expect(!without.contains(first))
        let forced = ["-m", tiny.path, "-p", "abc", "-n", "8", "--logit-bias", "2+1000"]
        let ended = try json(forced)
        #expect(tokens(ended).isEmpty && ended["stop_reason"]?.string == "end")
        #expect(tokens(try json(forced + ["--ignore-eos"])).count == 8)
        let wrong = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "--logit-bias", "262+1"])
        #expect(wrong.status == 64 && wrong.errors.contains("--logit-bias"))
    }

    @Test func schedulesOfTheBundleAreObeyed() throws {
        let tiny = try TalkingBundle.make(
            schedules: [
                TalkingBundle.schedule("chat", [(0, 4), (3, 3)], prefill: 6),
                TalkingBundle.schedule("summary", [(0, 6), (2, 2)], prefill: 4),
            ])
        let base = ["-m", tiny.path, "-p", "abc", "-n", "6", "--ignore-eos"]
        func bits(_ more: [String]) throws -> [Int] { tokens(try json(base + more), "bits_per_step") }
        #expect(try bits(["--schedule", "static:chat"]) == [4, 4, 4, 3, 3])
        #expect(try bits(["--schedule=static:summary"]) == [6, 6, 2, 2, 2])
        #expect(try json(base + ["--schedule=static:summary"])["prefill_bits"]?.integer == 4)
        #expect(try json(base + ["--schedule=static:summary", "--bits-prefill", "3"])["prefill_bits"]?.integer == 3)
        #expect(try bits(["--schedule", "fixed"]) == [6, 6, 6, 6, 6])
        #expect(try bits(["--bits", "3"]) == [3, 3, 3, 3, 3])
        // Two schedules and no "default": nobody knows which task this is.
        #expect(try bits([]) == [6, 6, 6, 6, 6])
        let several = try RunnerProgram.run(base + ["--schedule", "static"])
        #expect(several.status == 64 && several.errors.contains("chat, summary"))
        let unknown = try RunnerProgram.run(base + ["--schedule", "static:poetry"])
        #expect(unknown.status == 64 && unknown.errors.contains("chat, summary"))
        let learned = try RunnerProgram.run(base + ["--schedule", "learned"])
        #expect(learned.status == 64 && learned.errors.contains("no learned scheduler"))

        // Nor is the only schedule one for every prompt.
        let one = try TalkingBundle.make(schedules: [TalkingBundle.schedule("chat", [(0, 4), (3, 3)], prefill: 6)])
        let ask = ["-m", one.path, "-p", "abc", "-n", "6", "--ignore-eos"]
        let automatic = try json(ask)
        #expect(tokens(automatic, "bits_per_step") == [6, 6, 6, 6, 6])
        #expect(automatic["schedule"]?.string == "fixed")
        #expect(automatic["schedule_reason"]?.string == "none named; for its task there is static:chat")
        #expect(tokens(try json(ask + ["--schedule", "static"]), "bits_per_step") == [4, 4, 4, 3, 3])
    }

    @Test func theClosingLineSaysWhichScheduleAndWhy() throws {
        func closing(_ schedules: [CalibratedSchedule], _ more: [String] = []) throws -> String {
            let tiny = try TalkingBundle.make(schedules: schedules)
            let outcome = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "-n", "6", "--ignore-eos"] + more)
            #expect(outcome.status == 0)
            return outcome.errors
        }
        let chat = TalkingBundle.schedule("chat", [(0, 4), (3, 3)], prefill: 6)
        let general = TalkingBundle.schedule("default", [(0, 6), (2, 4)], prefill: 6)
        #expect(try closing([]).contains("; schedule fixed 6@0 (none named)"))
        #expect(try closing([chat]).contains("; schedule fixed 6@0 (none named; for its task there is static:chat)"))
        #expect(try closing([chat, general]).contains("; schedule static:default 6@0,4@2 (none named: the default)"))
        #expect(try closing([chat], ["--schedule=static:chat"]).contains("; schedule static:chat 4@0,3@3 (named)"))
        #expect(try closing([general], ["--bits", "3"]).contains("; schedule fixed 3@0 (--bits)"))
        #expect(try closing([general], ["--switch", "4@0,2@1"]).contains("; schedule switch 4@0,2@1 (--switch)"))
        #expect(try closing([chat], ["-n", "1"]).contains("; schedule fixed 6@0 (none named; "))
    }

    @Test func whatGoesOnBeyondTheCalibrationIsWarnedOf() throws {
        let tiny = try TalkingBundle.make(
            schedules: [TalkingBundle.schedule("default", [(0, 6), (2, 4)], prefill: 6)])
        func errors(_ count: Int, _ more: [String] = []) throws -> String {
            try RunnerProgram.run(
                ["-m", tiny.path, "-p", "abc", "-n", String(count), "--ignore-eos"] + more
            ).errors
        }
        #expect(try !errors(64).contains("warning"))
        #expect(try errors(65).contains("warning: the schedule static:default was calibrated on answers of at most 64"))
        #expect(try errors(65, ["--quiet"]).isEmpty)
        #expect(try !errors(65, ["--schedule", "fixed"]).contains("warning"))
    }

    @Test func theLearnedSchedulerDecidesAfterThePrompt() throws {
        let tiny = try TalkingBundle.make()
        let scheduler = StubbornScheduler.make(TalkingBundle.config, [(6, 4, 1), (4, 2, 2)], limit: 12)
        try rewriteBundle(from: tiny.path, to: tiny.path, documents: [], learned: scheduler, replacing: true)
        let base = ["-m", tiny.path, "-p", "abc", "--ignore-eos", "--schedule", "learned"]
        let result = try json(base + ["-n", "7"])
        #expect(tokens(result, "bits_per_step") == [6, 6, 4, 4, 2, 2])
        #expect(result["schedule"]?.string == "learned" && result["prefill_bits"]?.integer == 6)
        #expect(try #require(result["scheduling_seconds"]?.double) > 0)
        #expect(result["switch_points"]?.array?.compactMap { $0["from_step"]?.integer } == [0, 2, 4])
        #expect(tokens(try json(base + ["-c", "32"]), "bits_per_step").prefix(9) == [6, 6, 6, 6, 4, 4, 4, 4, 2])
        #expect(try json(base + ["-n", "7", "--bits-prefill", "3"])["prefill_bits"]?.integer == 3)
        let plain = try RunnerProgram.run(base + ["-n", "7", "-v"])
        #expect(plain.status == 0 && plain.errors.contains("learned 6@0,4@2,2@4"), "\(plain.errors)")
        #expect(plain.errors.contains("learned (decided for every prompt)"))
        let wrong = try RunnerProgram.run(base + ["-n", "7", "--bits-prefill", "5"])
        #expect(wrong.status == 64, "\(wrong.errors)")
        // It is no choice of its own accord.
        let automatic = try json(["-m", tiny.path, "-p", "abc", "-n", "4", "--ignore-eos"])
        #expect(automatic["schedule"]?.string == "fixed")
    }

    @Test func sixteenBitsAreAPrecisionLikeAnyOther() throws {
        let tiny = try TalkingBundle.make(
            schedules: [TalkingBundle.schedule("chat", [(0, 16), (3, 4)], prefill: 16)], precisions: [2, 4, 16])
        let base = ["-m", tiny.path, "-p", "abc", "-n", "6", "--ignore-eos"]
        func bits(_ more: [String]) throws -> [Int] { tokens(try json(base + more), "bits_per_step") }
        #expect(try bits(["--bits", "16"]) == [16, 16, 16, 16, 16])
        #expect(try bits(["--switch", "16@0,4@1,2@4"]) == [16, 4, 4, 4, 2])
        #expect(try bits(["--schedule", "static:chat"]) == [16, 16, 16, 4, 4])
        let mixed = try json(base + ["--bits", "2", "--bits-prefill", "16"])
        #expect(mixed["prefill_bits"]?.integer == 16 && tokens(mixed, "bits_per_step") == [2, 2, 2, 2, 2])
        let wrong = try RunnerProgram.run(base + ["--bits", "8"])
        #expect(wrong.status == 64 && wrong.errors.contains("one of 2, 4, 16"))
    }

    @Test func rungsArePrecisionsLikeAnyOther() throws {
        let rung = TinyBundle.rung(TalkingBundle.config, low: 3, high: 4)
        let name = rung.precision.text
        let tiny = try TalkingBundle.make(rungs: [rung])
        let base = ["-m", tiny.path, "-p", "abc", "-n", "6", "--ignore-eos"]
        func bits(_ more: [String]) throws -> [Precision] {
            try (try json(base + more)["bits_per_step"]?.array ?? []).map { try #require(Precision(json: $0)) }
        }
        #expect(try bits(["--bits", name]) == [Precision](repeating: rung.precision, count: 5))
        let switched = ["--switch", "6@0,\(name)@1,3@4", "--trim"]
        #expect(try bits(switched) == [6, rung.precision, rung.precision, rung.precision, 3])
        let result = try json(base + switched + ["--bits-prefill", name])
        #expect(Precision(json: result["prefill_bits"]) == rung.precision)
        let mean = (6 + 3 * rung.precision.bits + 3) / 5
        #expect(abs((result["average_bits"]?.double ?? 0) - mean) < 1e-9)
        // A rung is neither of its neighbours.
        let plain = ["-m", tiny.path, "-p", "abc", "-n", "24", "--ignore-eos", "--bits"]
        let answers = try [name, "3", "4"].map { tokens(try json(plain + [$0])) }
        #expect(answers[0] != answers[1] && answers[0] != answers[2])
        let wrong = try RunnerProgram.run(base + ["--bits", "2.5"])
        #expect(wrong.status == 64 && wrong.errors.contains("one of 2, 3, \(name), 4, 6"), "\(wrong.errors)")
        let broken = try RunnerProgram.run(base + ["--bits", "2.555"])
        #expect(broken.status == 64 && broken.errors.contains("--bits"), "\(broken.errors)")
    }

    @Test func precisionsTheBundleLacksAreRefused() throws {
        let tiny = try TalkingBundle.make()
        for arguments in [["--bits", "5"], ["--switch", "6@0,5@3"], ["--bits", "4", "--bits-prefill", "8"]] {
            let outcome = try RunnerProgram.run(["-m", tiny.path, "-p", "abc"] + arguments)
            #expect(outcome.status == 64 && outcome.errors.contains("one of 2, 3, 4, 6"), "\(outcome.errors)")
        }
        let stepUp = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "--switch", "3@0,4@9"])
        #expect(stepUp.status == 64 && stepUp.errors.contains("only step down"))
    }

    @Test func theContextIsNeverCutSilently() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let long = String(repeating: "x", count: 40)
        let tooLong = try RunnerProgram.run(["-m", tiny.path, "-p", long, "-c", "20"])
        #expect(tooLong.status == 65 && tooLong.output.isEmpty)
        #expect(tooLong.errors.contains("--ctx-size") && tooLong.errors.contains("41"), "\(tooLong.errors)")
        let trimmed = try RunnerProgram.run(["-m", tiny.path, "-p", long, "-c", "20", "-n", "5", "--drop-oldest"])
        #expect(trimmed.status == 0 && trimmed.errors.contains("dropped the oldest"), "\(trimmed.errors)")
        let full = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "-c", "20", "--ignore-eos"])
        #expect(full.status == 0 && full.errors.contains("context of 20 tokens is full"))
    }

    @Test func trimGivesBackPlanesAndChangesNothingElse() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "12", "--ignore-eos", "--switch", "6@0,3@3,2@6"]
        func run(_ more: [String]) throws -> JSONValue { try json(arguments + more) }
        let (kept, trimmed) = (try run([]), try run(["--trim"]))
        #expect(kept["text"]?.string == trimmed["text"]?.string)
        #expect(kept["released_bytes"]?.integer == 0)
        #expect((trimmed["released_bytes"]?.integer ?? 0) > 0)
        #expect(try run(["--trim", "--no-mmap"])["released_bytes"]?.integer == 0)
    }

    @Test func aConversationKeepsWhatWasSaid() throws {
        let tiny = try TalkingBundle.make()
        let tokenizer = try TalkingBundle.tokenizer()
        let template = try #require(TalkingBundle.template)
        let common = ["-m", tiny.path, "-n", "12", "--bits", "4", "--logit-bias", "10-inf", "--logit-bias", "13-inf"]
        let outcome = try RunnerProgram.run(common + ["-cnv"], input: "hello\nand then?\n/clear\nhello\n")
        #expect(outcome.status == 0, "\(outcome.errors)")
        // Byte 0x0a is token 13: without it every answer is one line.
        let answers = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        try #require(answers.count == 4 && answers[3].isEmpty, "\(answers)")
        #expect(try RunnerProgram.run(common + ["-p", "hello"]).output == answers[0] + "\n")
        #expect(answers[2] == answers[0])
        #expect(answers[1] != answers[0])
        // The second answer read less than the whole conversation again.
        let whole = try template.encode(
            [
                ChatMessage(role: "user", content: "hello"), ChatMessage(role: "assistant", content: answers[0]),
                ChatMessage(role: "user", content: "and then?"),
            ], addGenerationPrompt: true, tokenizer: tokenizer)
        let lines = outcome.errors.split(separator: "\n")
        let read = try #require(lines.count == 3 ? lines[1].split(separator: " ")[1] : nil)
        #expect(try #require(Int(read)) < whole.count)
    }

    @Test func aConversationThatNoLongerFitsIsExplained() throws {
        let tiny = try TalkingBundle.make()
        let input = "first message\nsecond message\nthird message\n"
        let arguments = ["-m", tiny.path, "-cnv", "-n", "10", "-c", "60", "--ignore-eos"]
        let stopped = try RunnerProgram.run(arguments, input: input)
        #expect(stopped.status == 65 && stopped.errors.contains("/clear"), "\(stopped.errors)")
        #expect(try RunnerProgram.run(arguments + ["--drop-oldest"], input: input).status == 0)
        let plain = try TalkingBundle.make(chat: false)
        #expect(try RunnerProgram.run(["-m", plain.path, "-cnv"], input: "hi\n").status == 64)
    }

    @Test func theFileMayBeReadInsteadOfMapped() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "10"]
        #expect(try RunnerProgram.run(arguments + ["--no-mmap"]).output == RunnerProgram.run(arguments).output)
    }

    @Test func flagsWithoutEffectAreNamed() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "1", "--top-p", "0.5"]
        #expect(try RunnerProgram.run(arguments).errors.contains("warning: --top-p has no effect"))
        #expect(try !RunnerProgram.run(arguments + ["--temp", "1"]).errors.contains("warning"))
    }

    @Test func draftsThatNoStepWantsAreNamed() throws {
        let tiny = try TalkingBundle.make(chat: false)
        func errors(_ more: String...) throws -> String {
            let outcome = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "-n", "8", "--ignore-eos"] + more)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.errors
        }
        let warning = "warning: nothing is drafted, as no step decodes at more than 3 bits"
        #expect(try errors("--bits", "3", "--speculate").contains(warning))
        #expect(try errors("--switch", "3@0,2@4", "--draft-bits", "3").contains(warning))
        #expect(try errors("--bits", "3", "--speculate", "-q").isEmpty)
        #expect(try !errors("--switch", "4@0,2@4", "--draft-bits", "3").contains("warning"))
        #expect(try !errors("--bits", "3").contains("warning"))
    }

    @Test func noColoursOutsideATerminal() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "10", "--switch", "6@0,2@3"]
        let plain = try RunnerProgram.run(arguments)
        #expect(try RunnerProgram.run(arguments + ["--show-bits"]).output == plain.output)
    }

    @Test func damagedBundlesAreRefused() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let bytes = try Files.read(tiny.path, limit: 1 << 30)
        let path = NSTemporaryDirectory() + "taper-damaged-\(UUID().uuidString)"
        defer { Files.remove(path) }
        for count in [0, 7, 64, 500, bytes.count / 2, bytes.count - 1] {
            try AtomicFile.write(Array(bytes[..<count]), to: path, replacing: true)
            let outcome = try RunnerProgram.run(["-m", path, "-p", "abc", "-n", "2"])
            #expect(outcome.status == 65 && outcome.errors.hasPrefix("error: " + path), "\(count): \(outcome.errors)")
        }
        #expect(try RunnerProgram.run(["-m", NSTemporaryDirectory(), "-p", "abc"]).status == 66)
    }

    /// A bit of the planes: found when it is read, before, or not at all.
    @Test func verificationHasThreeModes() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let section = try #require(tiny.bundle.sections.first { $0.name == "linear.planes.2" })
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: tiny.path)))
        for place in 0..<64 { bytes[section.offset + place] ^= 0x55 }
        let path = NSTemporaryDirectory() + "taper-damaged-\(UUID().uuidString).taper"
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        func run(_ path: String, _ more: [String]) throws -> RunnerProgram.Outcome {
            try RunnerProgram.run(["-m", path, "-p", "Once upon", "-n", "4", "-t", "1"] + more)
        }
        for mode in [[], ["--verify", "lazy"], ["--verify=full"], ["--verify", "full"], ["--no-mmap"]] {
            let outcome = try run(path, mode)
            #expect(outcome.status == 65 && outcome.output.isEmpty, "\(mode) \(outcome.errors)")
            #expect(
                outcome.errors.contains("linear.planes.2") && outcome.errors.contains("damaged"), "\(outcome.errors)")
            #expect(try run(tiny.path, mode).output == run(tiny.path, ["--verify", "off"]).output)
        }
        #expect(try run(path, ["--verify", "off"]).status == 0)
        #expect(try run(path, ["--verify"]).status == 2)
        #expect(try run(tiny.path, ["--verify"]).status == 0)
        #expect(try run(tiny.path, ["--verify", "sometimes"]).status == 64)
        let wrong = try run(tiny.path, ["--verify=sometimes"])
        #expect(wrong.status == 64 && wrong.errors.contains("full, lazy or off"), "\(wrong.errors)")
    }

    @Test func aReaderThatLeavesIsNoError() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "{ \"$0\" -m \"$1\" -p abc -n 2000 --ignore-eos --quiet; echo $? >&3; } 3>&1 | head -c 1 >/dev/null; :",
            try #require(RunnerProgram.path), tiny.path,
        ]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test(.timeLimit(.minutes(1))) func anInterruptEndsCleanly() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(RunnerProgram.path))
        process.arguments = ["-m", tiny.path, "-p", "abc", "-c", "1000000", "--ignore-eos"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        defer { process.terminate() }
        // The first text means that the program runs and listens.
        _ = try output.fileHandleForReading.read(upToCount: 1)
        process.interrupt()
        _ = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        #expect(complaints.contains("interrupted"))
    }

    /// Token 260 is special, and a large bias makes the model write nothing else; 69 is "B".
    @Test func reversePromptsMayNameSpecialTokens() throws {
        let tiny = try TalkingBundle.make(chat: false)
        let arguments = ["-m", tiny.path, "-p", "abc", "-n", "5", "--logit-bias", "260+1000"]
        #expect(tokens(try json(arguments)) == [260, 260, 260, 260, 260])
        for (stop, count) in [("<|bot|>", 1), ("<|bot|><|bot|>", 2), ("<|bot|>x", 5), ("<|user|>", 5)] {
            let result = try json(arguments + ["-r", stop])
            #expect(tokens(result).count == count, "\(stop)")
            #expect(result["stop_reason"]?.string == (count < 5 ? "stopped" : "length") && result["text"]?.string == "")
        }
    }

    @Test func numbersOutOfRangeEndTheRun() throws {
        let name = TensorName.weight(.value, layer: 0)
        let tiny = try TinyBundle(
            TalkingBundle.config, tokenizer: try TalkingBundle.tokenizer().compact(),
            factor: { $0 == name ? 0x1p20 : 1 })
        let outcome = try RunnerProgram.run(["-m", tiny.path, "-p", "abc", "-n", "4"])
        #expect(outcome.status == 65 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("position 0") && outcome.errors.contains("half precision"))
    }
}
