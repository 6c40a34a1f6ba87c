internal import Storage
internal import TaperRuntime

/// What requests for chats and completions have in common: sampling, length, precision, and the form of the response.
struct AnswerParameters: Sendable {
    var options = AnswerOptions()
    /// Answers to each prompt, which draw by seeds that follow each other.
    let choiceCount: Int
    let isStreamed: Bool
    /// A stream ends with what the answers cost.
    let includesUsage: Bool

    /// As many answers as OpenAI's clients ask for in one request; every one takes a place of the model's.
    private static let choiceLimit = 4
    private static let stopLimit = 16
    private static let stopLengthLimit = 1024
    private static let biasLimit = 1024

    /// Say nothing of the answer: who asks, what the provider keeps of it, how it is billed or cached there.
    private static let withoutEffect = [
        "user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    ]

    /// - Parameters:
    ///   - precision: where the request names none.
    ///   - maxTokens: where the request names none; nil: no limit but the context.
    init(
        _ fields: inout RequestFields, facts: LanguageModel.Facts, precision: PrecisionChoice, maxTokens: Int?
    ) throws(APIError) {
        fields.ignore(AnswerParameters.withoutEffect)
        choiceCount = try fields.integer("n", in: 1...AnswerParameters.choiceLimit) ?? 1
        isStreamed = try fields.bool("stream") ?? false
        includesUsage = try AnswerParameters.includesUsage(&fields)
        options.sampling = try AnswerParameters.sampling(&fields, facts)
        options.stops = try AnswerParameters.stops(&fields)
        options.maxTokens = try fields.integer("max_tokens", in: 1...Int(Int32.max)) ?? maxTokens
        options.ignoresEnd = try fields.bool("ignore_eos") ?? false
        options.precision = precision
        options.format = try AnswerParameters.format(&fields)
        if var wanted = try fields.object("precision") {
            try AnswerParameters.setPrecision(&options, &wanted, facts)
            try wanted.end()
        }
    }

    /// A response that is no stream has its usage anyway.
    private static func format(_ fields: inout RequestFields) throws(APIError) -> AnswerFormat {
        guard var format = try fields.object("response_format") else { return .text }
        let place = "response_format.type"
        let type = try format.string("type")
        switch type {
        case "text", "json_object": break
        case "json_schema":
            throw .unsupported(place, "answers are not held to a schema", remedy: "Use json_object")
        default: throw .invalid(place, "no such format", expected: "text or json_object")
        }
        try format.end()
        return type == "text" ? .text : .json
    }

    private static func includesUsage(_ fields: inout RequestFields) throws(APIError) -> Bool {
        guard var stream = try fields.object("stream_options") else { return false }
        let includes = try stream.bool("include_usage") ?? false
        // Random padding against onlookers: there is none, which is allowed.
        stream.ignore(["include_obfuscation"])
        try stream.end()
        return includes
    }

    /// Temperature and top_p are 1 where a request does not say, as OpenAI's documentation has it.
    private static func sampling(
        _ fields: inout RequestFields, _ facts: LanguageModel.Facts
    ) throws(APIError) -> Sampling {
        var sampling = Sampling(
            temperature: try fields.number("temperature", in: 0...2) ?? 1,
            topK: try fields.integer("top_k", in: 0...Int(Int32.max)) ?? 0,
            // Nothing but the likeliest token is left by the least that is not 0.
            topP: max(try fields.number("top_p", in: 0...1) ?? 1, Double.leastNonzeroMagnitude),
            minP: try fields.number("min_p", in: 0...1) ?? 0)
        let seed = try fields.integer("seed", in: Int.min...Int.max)
        sampling.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? UInt64.random(in: 0...UInt64.max)
        sampling.presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        sampling.frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        sampling.repeatPenalty = try fields.number("repeat_penalty", in: 0.01...100) ?? 1
        sampling.repeatLastN =
            try fields.integer("repeat_last_n", in: 0...Int(Int32.max)) ?? sampling.repeatLastN
        if let value = fields.value("logit_bias") {
            guard let members = value.members, members.count <= biasLimit else {
                throw fields.wrong(
                    "logit_bias", value, expected: "an object of token ids with biases, at most \(biasLimit)")
            }
            for member in members {
                let place = "logit_bias." + printable(member.key)
                guard let token = Int(member.key), (0..<facts.vocabularySize).contains(token) else {
                    throw .invalid(place, "no token's id", expected: "0 to \(facts.vocabularySize - 1)")
                }
                guard let bias = member.value.double, (-100...100).contains(bias) else {
                    throw .invalid(place, "not a usable bias", expected: "a number from -100 to 100")
                }
                sampling.logitBias[token] = Float(bias)
            }
        }
        return sampling
    }

    private static func stops(_ fields: inout RequestFields) throws(APIError) -> [String] {
        guard let value = fields.value("stop") else { return [] }
        let all = value.array ?? [value]
        guard all.count <= stopLimit else {
            throw .invalid("stop", "too many texts", expected: "at most \(stopLimit)", found: String(all.count))
        }
        return try all.map { stop throws(APIError) in
            guard let text = stop.string, (1...stopLengthLimit).contains(text.unicodeScalars.count) else {
                throw fields.wrong("stop", stop, expected: "texts of 1 to \(stopLengthLimit) characters")
            }
            return text
        }
    }
}

extension AnswerParameters {
    /// `precision`: one of `schedule`, `bits` and `switch`, and `prefill_bits` and `draft_bits` with any of them.
    fileprivate static func setPrecision(
        _ options: inout AnswerOptions, _ fields: inout RequestFields, _ facts: LanguageModel.Facts
    ) throws(APIError) {
        var choices: [PrecisionChoice] = []
        if let schedule = try fields.string("schedule") {
            choices.append(try PrecisionChoice(named: schedule, facts, place: "precision.schedule"))
        }
        if let bits = try fields.precision("bits", facts) { choices.append(.fixed(bits)) }
        if let points = try fields.string("switch") {
            choices.append(try PrecisionChoice(points: points, facts, place: "precision.switch"))
        }
        guard choices.count <= 1 else {
            throw .invalid("precision", "schedule, bits and switch exclude each other", expected: "one of them")
        }
        if let choice = choices.first { options.precision = choice }
        options.prefill = try fields.precision("prefill_bits", facts)
        options.draft = try fields.precision("draft_bits", facts)
    }
}

extension RequestFields {
    /// One of the bundle's precisions.
    fileprivate mutating func precision(
        _ key: String, _ facts: LanguageModel.Facts
    ) throws(APIError) -> Precision? {
        guard let value = value(key) else { return nil }
        guard let bits = value.double, let precision = facts.precisions.first(where: { $0.bits == bits }) else {
            throw wrong(key, value, expected: "one of " + facts.precisionText)
        }
        return precision
    }
}

extension LanguageModel.Facts {
    /// "2, 3, 4, 6".
    var precisionText: String { precisions.map(\.description).joined(separator: ", ") }
}

extension PrecisionChoice {
    /// "static", "static:TASK", "learned", "adaptive", "fixed" or switch points, each of which the bundle must have.
    init(named text: String, _ facts: LanguageModel.Facts, place: String) throws(APIError) {
        let tasks = facts.schedules.map(\.task)
        switch text {
        case "fixed": self = .highest
        case "learned":
            guard facts.hasLearnedScheduler else { throw .invalid(place, "the bundle has no learned scheduler") }
            self = .learned
        case "adaptive":
            guard facts.hasAdaptiveSchedule else {
                throw .invalid(place, "the bundle has no rule for precision by need")
            }
            self = .adaptive
        case "static":
            // The schedule for all prompts, or the only one: who asks for the calibrated schedule can mean no other.
            guard let task = tasks.contains("default") ? "default" : tasks.count == 1 ? tasks[0] : nil else {
                throw .invalid(
                    place, tasks.isEmpty ? "the bundle has no calibrated schedule" : "the bundle has several schedules",
                    expected: tasks.isEmpty ? "" : "static:TASK", remedy: PrecisionChoice.list(tasks))
            }
            self = .schedule(task)
        default:
            if text.contains("@") {
                self = try PrecisionChoice(points: text, facts, place: place)
                return
            }
            let task = text.hasPrefix("static:") ? String(text.dropFirst(7)) : nil
            guard let task, tasks.contains(task) else {
                throw .invalid(
                    place, "no such schedule",
                    expected: "static, static:TASK, learned, adaptive, fixed, or switch points such as 6@0,4@32",
                    found: "\"" + printable(text) + "\"", remedy: PrecisionChoice.list(tasks))
            }
            self = .schedule(task)
        }
    }

    fileprivate init(points text: String, _ facts: LanguageModel.Facts, place: String) throws(APIError) {
        let points: [SwitchPoint]
        do throws(TaperRuntime.TaperError) { points = try SwitchPoint.list(text) } catch {
            throw .invalid(
                place, error.what, expected: error.expected.isEmpty ? "such as 6@0,4@32" : error.expected,
                found: error.found)
        }
        for point in points where !facts.precisions.contains(point.precision) {
            throw .invalid(
                place, "the bundle does not serve a precision", expected: "one of " + facts.precisionText,
                found: point.precision.description)
        }
        self = .switching(points)
    }

    private static func list(_ tasks: [String]) -> String {
        tasks.isEmpty ? "" : "The bundle has static:" + tasks.map { printable($0) }.joined(separator: ", static:")
    }
}
