/// One row per flag: what the parser accepts and the help prints.
enum Flag: CaseIterable {
    case model, prompt, file, escape, systemPrompt, conversation, rawPrompt
    case predict, contextSize, threads, reversePrompt, ignoreEos, dropOldest
    case bits, prefillBits, schedule, switchPoints, speculate, draftBits, showBits, trim
    case temperature, topK, topP, minP, seed
    case repeatPenalty, repeatLastN, presencePenalty, frequencyPenalty, logitBias
    case memoryLimit, fit, lockMemory, noMapping, cacheBits, wholeHead, verify, noSandbox, json, quiet, verbose,
        version, help

    /// All spellings, the one to show in messages last; long names may be written with `_` for `-`.
    var names: [String] {
        switch self {
        case .model: ["-m", "--model"]
        case .prompt: ["-p", "--prompt"]
        case .file: ["-f", "--file"]
        case .escape: ["-e", "--escape"]
        case .systemPrompt: ["-sys", "--system-prompt"]
        case .conversation: ["-cnv", "--cnv", "--conversation"]
        case .rawPrompt: ["-no-cnv", "--no-cnv", "--no-conversation"]
        case .predict: ["-n", "--predict", "--n-predict"]
        case .contextSize: ["-c", "--ctx-size"]
        case .threads: ["-t", "--threads"]
        case .reversePrompt: ["-r", "--reverse-prompt"]
        case .ignoreEos: ["--ignore-eos"]
        case .dropOldest: ["--drop-oldest"]
        case .trim: ["--trim"]
        case .bits: ["--bits"]
        case .prefillBits: ["--bits-prefill"]
        case .schedule: ["--schedule"]
        case .switchPoints: ["--switch"]
        case .speculate: ["--speculate"]
        case .draftBits: ["--draft-bits"]
        case .showBits: ["--show-bits"]
        case .temperature: ["--temperature", "--temp"]
        case .topK: ["--top-k"]
        case .topP: ["--top-p"]
        case .minP: ["--min-p"]
        case .seed: ["-s", "--seed"]
        case .repeatPenalty: ["--repeat-penalty"]
        case .repeatLastN: ["--repeat-last-n"]
        case .presencePenalty: ["--presence-penalty"]
        case .frequencyPenalty: ["--frequency-penalty"]
        case .logitBias: ["--logit-bias"]
        case .memoryLimit: ["--memory-limit"]
        case .fit: ["--fit"]
        case .lockMemory: ["--mlock"]
        case .noMapping: ["--no-mmap"]
        case .cacheBits: ["--cache-bits"]
        case .wholeHead: ["--whole-head"]
        case .verify: ["--verify"]
        case .noSandbox: ["--no-sandbox"]
        case .json: ["--json"]
        case .quiet: ["-q", "--quiet"]
        case .verbose: ["-v", "--verbose"]
        case .version: ["--version"]
        case .help: ["-h", "--help"]
        }
    }

    /// Name of the value in the help; nil for a switch.
    var value: String? {
        switch self {
        case .model: "FILE"
        case .prompt, .systemPrompt, .reversePrompt: "TEXT"
        case .file: "FILE"
        case .predict, .contextSize, .threads, .topK, .seed, .repeatLastN, .cacheBits: "N"
        case .bits, .prefillBits, .draftBits: "P"
        case .schedule: "S"
        case .switchPoints: "P@STEP,..."
        case .temperature, .topP, .minP, .repeatPenalty, .presencePenalty, .frequencyPenalty: "X"
        case .logitBias: "ID(+|-)X"
        case .memoryLimit: "SIZE"
        case .speculate, .escape, .conversation, .rawPrompt, .ignoreEos, .dropOldest, .trim, .showBits, .fit,
            .lockMemory, .noMapping, .wholeHead, .verify, .noSandbox, .json, .quiet, .verbose, .version, .help:
            nil
        }
    }

    var help: String {
        switch self {
        case .model: "the bundle to run"
        case .prompt: "the prompt; one user message when the bundle has a chat template"
        case .file: "read the prompt from a file (- for standard input)"
        case .escape: "read \\n, \\t, \\\\, \\\" and \\' in the prompt as escapes"
        case .systemPrompt: "the system message"
        case .conversation: "converse: every line of standard input is a message"
        case .rawPrompt: "give the prompt to the model as it is, without the chat template"
        case .predict: "at most N new tokens (-1: until the model ends or the context is full)"
        case .contextSize: "positions to hold (default: the model's, at most 4096; 0: the model's)"
        case .threads: "threads (default: one of every large core)"
        case .reversePrompt: "stop when the model writes TEXT (may be repeated)"
        case .ignoreEos: "never let the model end the text"
        case .dropOldest: "where the context is full, drop the oldest messages (without a chat format, text)"
        case .trim: "after a step down, give back the memory of the planes no longer read"
        case .bits: "one precision for the prompt and for decoding, such as 4 or 3.5"
        case .prefillBits: "precision for the prompt (default: the schedule's, else the highest)"
        case .schedule: "static:TASK, learned, adaptive or fixed (default: static:default, else fixed)"
        case .switchPoints: "step down at these decode steps, such as 6@0,4.5@32,3@64"
        case .speculate: "draft tokens at low precision and verify several at once: the same text, sooner"
        case .draftBits: "precision of the drafts, which asks for them too (default: 3, or what there is)"
        case .showBits: "colour the text by precision on a terminal"
        case .temperature: "temperature; 0 is greedy (default 0)"
        case .topK: "draw from the N likeliest tokens (default 40, 0: all)"
        case .topP: "draw from the likeliest tokens that add up to X (default 0.95)"
        case .minP: "draw from tokens at least X times as likely as the likeliest (default 0.05)"
        case .seed: "seed of the draws (default 0; -1: from the clock)"
        case .repeatPenalty: "divide the logits of recent tokens by X (default 1: off)"
        case .repeatLastN: "recent tokens that the penalties look at (default 64)"
        case .presencePenalty: "lower the logits of recent tokens by X (default 0)"
        case .frequencyPenalty: "lower them by X for each occurrence (default 0)"
        case .logitBias: "add X to the logit of token ID, such as 15043-1 (may be repeated)"
        case .memoryLimit: "hold at most SIZE, auto or what file:PATH says: precision falls and rises with it"
        case .fit: "take the highest precision that fits with a full context, and tell its cost"
        case .lockMemory: "keep the bundle in memory"
        case .noMapping: "read the bundle into memory instead of mapping it"
        case .cacheBits: "keep keys and values in 8 bits, for half the memory, or in 16 (default 16)"
        case .wholeHead: "compute the logits of all tokens, where the likeliest alone would do"
        case .verify: "compare the file with its checksums, and end; or while it runs: full, lazy, off"
        case .noSandbox: "do not give up writing files, running programs and the network once loaded"
        case .json: "print one JSON object with text, tokens and statistics"
        case .quiet: "no statistics, no warnings"
        case .verbose: "also tell about the model, the machine and the memory used"
        case .version: "print the version"
        case .help: "print this help"
        }
    }

    /// Heading that this flag begins in the help.
    var heading: String? {
        switch self {
        case .model: "Model and prompt"
        case .predict: "Length and speed"
        case .bits: "Precision"
        case .temperature: "Sampling"
        case .memoryLimit: "Memory and output"
        default: nil
        }
    }

    /// The name for messages.
    var name: String { names[names.count - 1] }

    static func named(_ name: String) -> Flag? { allCases.first { $0.names.contains(name) } }

    static func helpText() -> String {
        var text =
            "usage: taper-run -m MODEL.taper -p TEXT [options]\n\nRuns a bundle with a precision that steps down "
        text += "as it writes.\n"
        for flag in allCases {
            if let heading = flag.heading { text += "\n" + heading + ":\n" }
            var left = "  " + flag.names.joined(separator: ", ")
            if let value = flag.value { left += " " + value }
            if left.utf8.count > 34 {
                text += left + "\n" + String(repeating: " ", count: 36)
            } else {
                text += left + String(repeating: " ", count: 36 - left.utf8.count)
            }
            text += flag.help + "\n"
        }
        text +=
            "\nTAPER_ISA=scalar|avx2|avx512-vbmi|... chooses the kernels. Results go to standard output, the rest to standard "
        return text + "error.\n"
    }
}
