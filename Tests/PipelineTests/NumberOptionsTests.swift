import Pipeline
import Storage
import Testing

/// Numbers on the command line that no computation can take: refused or clamped, never a death by signal.
@Suite struct NumberOptionsTests {
    private static let numbers = [
        "", "nan", "1e999", "9223372036854775807", "18446744073709551616", "-9223372036854775808",
    ]

    /// Of every command and kind of option; the numbers that are fine (a seed, a penalty) run.
    @Test(arguments: [
        "$RUNNER -m $1 -p a -n 1 -q: -c -t --bits --bits-prefill --switch --temp -s --repeat-last-n --presence-penalty",
        "$RUNNER -m $1 -p a -n 1 -q --temp 1: --top-k --top-p --min-p --repeat-penalty --logit-bias -n",
        "$TAPER convert $2 -o $2/none --dry-run --quiet: --bits --embedding-bits --generated -t --memory",
        "$TAPER bench $1 -p 2 -n 1 -r 1 -t 1 --bits 2: -p -n -d -r --npl --bits --schedule",
        "$TAPER simulate $3/shapes/phi-1.5.json --hardware $3/hardware/edge-npu-2tops.json -n 4: -p --bits --schedule",
        "$TAPER logits $1 --tokens 1: --tokens --bits -t",
        "$TAPER eval perplexity $1 -f $2/heldout.txt --windows 1 --bits 2: --window --stride -t --bits-prefill",
        "$TAPER serve $1: --port -np --queue -c --bits",
    ])
    func noneTraps(command: String) throws {
        let parts = command.split(separator: ":").map { String($0) }
        let options = parts[1].split(separator: " ").map { String($0) }
        // One shell for all: what it prints is the status and the words of what ended otherwise.
        let script = options.flatMap { option in
            Self.numbers.map { number in
                "timeout 20 \(parts[0]) \(option) '\(number)' </dev/null >/dev/null 2>&1; s=$?; "
                    + "case $s in 0|64|65|66|74) ;; *) echo $s \(option) '\(number)';; esac"
            }
        }
        let samples = TaperProgram.root + "/samples"
        let outcome = try Shell.run(
            script.joined(separator: "\n"), [try EvaluatedSample.shared.get().bundle, samples + "/tiny", samples])
        #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.output)")
    }

    @Test(arguments: ["hidden", "layers", "heads", "kv-heads", "ffn", "vocab", "head-size", "context"])
    func dimensionsOfNoModelAreRefused(name: String) {
        for number in ["0", "2147483648", "9223372036854775807", "9223372036854775808"] {
            var sizes = ["hidden": "64", "layers": "1", "heads": "4", "kv-heads": "4", "ffn": "64", "vocab": "64"]
            sizes[name] = number
            let text = sizes.sorted { $0.key < $1.key }.map { $0.key + "=" + $0.value }.joined(separator: ",")
            #expect(throws: TaperError(.usage, "")) { try SyntheticBundle.parse(text) }
        }
    }
}
