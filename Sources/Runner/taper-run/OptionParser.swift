import Chat
import Decoding
import Model
import Runtime
import Storage

extension Options {
    /// Reads the arguments after the program's name.
    static func parse(_ arguments: [String]) throws(TaperError) -> Options {
        var options = Options()
        var seen: [Flag] = []
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            guard argument.utf8.count > 1, argument.utf8.first == 0x2d else {
                throw TaperError(
                    .usage, "unexpected argument \"" + printable(argument) + "\"", at: "command line",
                    remedy: "Give the prompt with -p and the bundle with -m")
            }
            let (name, attached) = split(argument)
            guard let flag = Flag.named(name) else { throw unknown(name) }
            seen.append(flag)
            if flag == .verify, let mode = mode(attached, index < arguments.count ? arguments[index] : nil) {
                if attached == nil { index += 1 }
                options.verification = mode
                continue
            }
            if flag == .verify, let attached {
                throw TaperError(
                    .usage, "not a way to verify", at: name, expected: "full, lazy or off, or no value",
                    found: "\"" + printable(attached) + "\"")
            }
            if flag.value == nil {
                guard attached == nil else {
                    throw TaperError(.usage, "takes no value", at: name, found: "\"" + printable(argument) + "\"")
                }
                options.turnOn(flag)
                continue
            }
            var value = attached
            if value == nil && index < arguments.count {
                value = arguments[index]
                index += 1
            }
            guard let value else {
                throw TaperError(.usage, "needs a value", at: name, expected: flag.value ?? "")
            }
            try options.set(flag, name, value)
        }
        try options.check(seen)
        if options.sampling.temperature == 0,
            let idle = seen.first(where: { $0 == .topK || $0 == .topP || $0 == .minP || $0 == .seed })
        {
            options.warning = idle.name + " has no effect at temperature 0; set --temp"
        }
        return options
    }

    /// "--top_k=40" to "--top-k" and "40"; short flags take no attached value.
    private static func split(_ argument: String) -> (name: String, value: String?) {
        let bytes = Array(argument.utf8)
        guard bytes.starts(with: [0x2d, 0x2d]) else { return (argument, nil) }
        let equals = bytes.firstIndex(of: 0x3d)
        let name = bytes[..<(equals ?? bytes.count)].map { $0 == 0x5f ? 0x2d : $0 }
        let value = equals.map { String(decoding: bytes[($0 + 1)...], as: UTF8.self) }
        return (String(decoding: name, as: UTF8.self), value)
    }

    /// What follows `--verify`, attached or by itself, where it is one of its modes.
    private static func mode(_ attached: String?, _ next: String?) -> Verification? {
        Verification(rawValue: attached ?? next ?? "")
    }

    private mutating func turnOn(_ flag: Flag) {
        switch flag {
        case .escape: escapes = true
        case .conversation: conversation = true
        case .rawPrompt: rawPrompt = true
        case .ignoreEos: ignoreEndOfSequence = true
        case .dropOldest: dropOldest = true
        case .trim: trim = true
        case .speculate: speculates = true
        case .showBits: showBits = true
        case .fit: fits = true
        case .lockMemory: lockMemory = true
        case .noMapping: readsWholeFile = true
        case .wholeHead: readsWholeHead = true
        case .verify: verifies = true
        case .noSandbox: sandbox = false
        case .json: json = true
        case .quiet: quiet = true
        case .verbose: verbose = true
        case .version: version = true
        case .help: help = true
        default: break
        }
    }

    private mutating func set(_ flag: Flag, _ name: String, _ value: String) throws(TaperError) {
        func integer(_ range: ClosedRange<Int>) throws(TaperError) -> Int {
            guard let number = Int(value), range.contains(number) else {
                throw TaperError(
                    .usage, "not a usable value", at: name,
                    expected: "an integer from " + String(range.lowerBound) + " to " + String(range.upperBound),
                    found: "\"" + printable(value) + "\"")
            }
            return number
        }
        func number() throws(TaperError) -> Double {
            guard let number = parseDouble(value), number.isFinite else {
                throw TaperError(
                    .usage, "not a usable value", at: name, expected: "a number",
                    found: "\"" + printable(value) + "\"")
            }
            return number
        }
        func precision() throws(TaperError) -> Precision {
            guard let precision = Precision(text: value) else {
                throw TaperError(
                    .usage, "not a usable value", at: name, expected: "bits from 1 to 16, such as 4 or 3.5",
                    found: "\"" + printable(value) + "\"")
            }
            return precision
        }
        switch flag {
        case .prompt, .systemPrompt, .reversePrompt:
            guard !Files.isEscaped(value) else {
                throw TaperError(.usage, "the text is not UTF-8", at: name, found: "\"" + printable(value) + "\"")
            }
        default: break
        }
        switch flag {
        case .model: modelPath = value
        case .prompt: prompt = value
        case .file: promptFile = value
        case .systemPrompt: systemPrompt = value
        case .predict: maxNewTokens = try integer(-1...1 << 30)
        case .contextSize: contextLength = try integer(0...1 << 24)
        case .threads: threads = try integer(1...256)
        case .cacheBits:
            cacheBits = try integer(8...16)
            guard cacheBits == 8 || cacheBits == 16 else {
                throw TaperError(
                    .usage, "not a usable value", at: name, expected: "8 or 16", found: "\"" + printable(value) + "\"")
            }
        case .memoryLimit: memoryLimit = try MemoryLimit(parsing: value)
        case .reversePrompt: reversePrompts.append(value)
        case .bits: ask(for: .constant(try precision()), flag)
        case .prefillBits: prefillBits = try precision()
        case .draftBits:
            draftBits = try precision()
            speculates = true
        case .schedule: ask(for: try ScheduleRequest(parsing: value, place: name), flag)
        case .switchPoints: ask(for: .switchPoints(value), flag)
        case .temperature: sampling.temperature = try number()
        case .topK: sampling.topK = try integer(0...1 << 30)
        case .topP: sampling.topP = try number()
        case .minP: sampling.minP = try number()
        case .seed:
            seedFromClock = value == "-1"
            sampling.seed = seedFromClock ? 0 : UInt64(try integer(0...Int.max))
        case .repeatPenalty: sampling.repeatPenalty = try number()
        case .repeatLastN: sampling.repeatLastN = try integer(0...1 << 24)
        case .presencePenalty: sampling.presencePenalty = try number()
        case .frequencyPenalty: sampling.frequencyPenalty = try number()
        case .logitBias: sampling.logitBias.append(try Options.bias(name, value))
        default: preconditionFailure("a switch has no value")
        }
    }

    private mutating func ask(for request: ScheduleRequest, _ flag: Flag) {
        (scheduling, schedulingFlag) = (request, flag.name)
    }

    /// "15043+1" or "15043-0.5" or "15043-inf", as in llama.cpp.
    private static func bias(_ name: String, _ value: String) throws(TaperError) -> SamplerSettings.Bias {
        let bytes = Array(value.utf8)
        if let sign = bytes.firstIndex(where: { $0 == 0x2b || $0 == 0x2d }),
            let token = Int(String(decoding: bytes[..<sign], as: UTF8.self)),
            let number = parseDouble(String(decoding: bytes[sign...], as: UTF8.self)), !number.isNaN,
            number != .infinity
        {
            return SamplerSettings.Bias(token: token, value: Float(number))
        }
        throw TaperError(
            .usage, "not a bias", at: name, expected: "a token id, then a sign and a number, such as 15043+1",
            found: "\"" + printable(value) + "\"")
    }

    /// What no single flag shows: missing and contradicting ones.
    private func check(_ seen: [Flag]) throws(TaperError) {
        if help || version { return }
        func conflict(_ left: Flag, _ right: Flag) throws(TaperError) {
            if seen.contains(left) && seen.contains(right) {
                throw TaperError(.usage, left.name + " and " + right.name + " exclude each other", at: "command line")
            }
        }
        guard !modelPath.isEmpty else {
            throw TaperError(.usage, "no bundle given", at: "command line", remedy: "Name one with -m model.taper")
        }
        try conflict(.prompt, .file)
        try conflict(.conversation, .rawPrompt)
        try conflict(.conversation, .json)
        try conflict(.systemPrompt, .rawPrompt)
        try conflict(.bits, .switchPoints)
        try conflict(.bits, .schedule)
        try conflict(.switchPoints, .schedule)
        try conflict(.quiet, .verbose)
        try conflict(.fit, .bits)
        // Memory that is copied or locked is given back to nobody.
        for flag in [Flag.memoryLimit, .fit] {
            try conflict(flag, .noMapping)
            try conflict(flag, .lockMemory)
        }
        if trim && scheduling == .adaptive {
            throw TaperError(
                .usage, "--trim and --schedule adaptive exclude each other: precision comes back every few tokens",
                at: "command line", remedy: "Bound the memory by --memory-limit")
        }
        if conversation && promptFile == "-" {
            throw TaperError(.usage, "standard input is the conversation", at: "--file", remedy: "Use -p or a file")
        }
    }

    private static func unknown(_ name: String) -> TaperError {
        var names: [String] = []
        for flag in Flag.allCases { names += flag.names }
        let near = nearestWord(to: name, among: names)
        return TaperError(
            .usage, "unknown flag " + printable(name), at: "command line",
            remedy: near.map { "Did you mean " + $0 + "?" } ?? "taper-run --help lists them all")
    }
}
