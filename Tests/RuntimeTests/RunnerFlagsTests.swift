import Foundation
import Testing

@Suite struct RunnerFlagsTests {
    @Test func helpGoesToStandardOutputAndNamesEveryFlag() throws {
        let help = try RunnerProgram.run(["--help"])
        #expect(help.status == 0 && help.errors.isEmpty)
        for flag in [
            "-m, --model", "-p, --prompt", "-f, --file", "-sys, --system-prompt", "-cnv, --conversation", "-no-cnv",
            "--n-predict", "-c, --ctx-size", "-t, --threads", "-s, --seed", "--temp", "--top-k", "--top-p", "--min-p",
            "--repeat-penalty", "--presence-penalty", "--frequency-penalty", "--logit-bias", "--ignore-eos",
            "-r, --reverse-prompt", "--mlock", "--no-mmap", "--bits ", "--bits-prefill", "--schedule", "--switch",
            "--show-bits", "--trim", "--drop-oldest", "--memory-limit SIZE", "--fit", "--no-sandbox", "--quiet",
            "--verbose", "--json",
            "--version",
        ] {
            #expect(help.output.contains(flag), "\(flag)")
        }
        #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }

    @Test func versionIsOneLine() throws {
        let version = try RunnerProgram.run(["--version"])
        #expect(version.status == 0)
        #expect(version.output.hasPrefix("taper-run ") && version.output.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
        ([], "no bundle given"),
        (["-m"], "-m: needs a value"),
        (["-m", "x", "--tmep", "1"], "unknown flag --tmep. Did you mean --temp?"),
        (["-m", "x", "--top_q", "1"], "Did you mean --top-"),
        (["-m", "x", "--entirely-different"], "--help lists them all"),
        (["-m", "x", "stray"], "unexpected argument \"stray\""),
        (["-m", "x", "--json=yes"], "--json: takes no value"),
        (["-m", "x", "-n", "many"], "expected an integer"),
        (["-m", "x", "-n", "-2"], "expected an integer"),
        (["-m", "x", "-n", "99999999999999999999"], "expected an integer"),
        (["-m", "x", "-t", "0"], "-t: not a usable value"),
        (["-m", "x", "--temp", "nan"], "--temp: not a usable value"),
        (["-m", "x", "--temp", "1e999"], "--temp: not a usable value"),
        (["-m", "x", "--schedule", "adaptive", "--trim"], "exclude each other"),
        (["-m", "x", "--schedule", "dynamic"], "static, static:TASK, learned, adaptive or fixed"),
        (["-m", "x", "--schedule", "static:"], "static, static:TASK, learned, adaptive or fixed"),
        (["-m", "x", "--logit-bias", "15043"], "such as 15043+1"),
        (["-m", "x", "--logit-bias", "5+nan"], "such as 15043+1"),
        (["-m", "x", "--bits", "4", "--switch", "6@0"], "exclude each other"),
        (["-m", "x", "-p", "a", "-f", "b"], "exclude each other"),
        (["-m", "x", "-cnv", "--json"], "exclude each other"),
    ])
    func wrongUsageIsExplained(_ arguments: [String], _ message: String) throws {
        let outcome = try RunnerProgram.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.contains(message), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test func aMissingBundleIsNamed() throws {
        let outcome = try RunnerProgram.run(["-m", "/nowhere/model.taper", "-p", "x"])
        #expect(outcome.status == 66)
        #expect(outcome.errors.contains("/nowhere/model.taper"))
    }

    @Test func anUnknownInstructionSetIsRefused() throws {
        let outcome = try RunnerProgram.run(
            ["-m", "/nowhere/model.taper", "-p", "x"], environment: ["TAPER_ISA": "quantum"])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("TAPER_ISA"))
    }

    @Test func bothSpellingsAndAttachedValuesAreAccepted() throws {
        for arguments in [
            ["--model=/nowhere", "--top_k=3", "--ctx_size", "8"], ["-m", "/nowhere", "--n_predict=-1", "--no_mmap"],
            ["--model", "/nowhere", "-s", "-1", "--logit_bias=3-inf", "--bits_prefill=4"],
        ] {
            #expect(try RunnerProgram.run(arguments + ["-p", "x"]).status == 66)
        }
    }
}
