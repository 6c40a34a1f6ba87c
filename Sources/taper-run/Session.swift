import Bundle
import Kernels
import Model
import Runtime
import Storage
import Text

/// A loaded bundle with everything the command line decided about running it.
final class Session {
    let options: Options
    let bundle: Bundle
    let tokenizer: Tokenizer
    /// nil when the bundle has none or the prompt is raw.
    let template: ChatTemplate?
    let transformer: Transformer
    let scheduler: DecodeScheduler
    /// "fixed", "static:summary", ... for the report.
    let scheduleName: String
    let stopTokens: [Int]
    /// The user's reverse prompts, and the template's stops that are no tokens.
    let stopTexts: [String]
    /// Those that name special tokens, alone or among text.
    let specialStopTexts: [String]
    var sampler: Sampler
    /// What `--trim` gave back during the last answer.
    var releasedBytes = 0
    let output: Output

    init(_ options: Options) throws(TaperError) {
        self.options = options
        let start = monotonicSeconds()
        let instructions = try InstructionSet.select(override: Files.environment("TAPER_ISA"))
        bundle = try Bundle(path: options.modelPath, copying: options.readsWholeFile)
        let model = bundle.manifest.model
        let place = options.modelPath
        if let warning = options.warning, !options.quiet { Console.note("warning: " + warning) }
        if options.lockMemory && !bundle.lockInMemory() && !options.quiet {
            Console.note("warning: the system refuses to keep the bundle in memory (see ulimit -l)")
        }
        tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: place + " (tokenizer)")

        var stored: ChatTemplate?
        if let json = try bundle.json("chat") { stored = try ChatTemplate(json: json, place: place + " (chat)") }
        template = options.rawPrompt ? nil : stored
        if options.systemPrompt != nil && template == nil {
            throw TaperError(.usage, "the bundle has no chat template to put it in", at: "--system-prompt")
        }
        if !options.quiet {
            if stored == nil && !options.rawPrompt {
                Console.note("note: the bundle has no chat format; the prompt is completed as it stands")
            } else if options.systemPrompt != nil && stored?.systemPlace == .dropped {
                Console.note("warning: the model's chat template drops system messages, this one too")
            }
        }

        var stops = model.eosTokens
        var texts: [String] = []
        var specialTexts: [String] = []
        for text in options.reversePrompts {
            // What the vocabulary cannot spell holds no special token.
            let ids = (try? tokenizer.encode(text, addSpecial: false, parseSpecial: true)) ?? []
            if ids.contains(where: tokenizer.isSpecial) { specialTexts.append(text) } else { texts.append(text) }
        }
        for stop in template?.stopTokens ?? [] {
            if let id = tokenizer.id(ofToken: stop) {
                if !stops.contains(id) { stops.append(id) }
            } else if !options.ignoreEndOfSequence {
                texts.append(stop)
            }
        }
        stopTexts = texts
        specialStopTexts = specialTexts
        var sampling = options.sampling
        if options.seedFromClock { sampling.seed = Session.clockSeed() }
        if options.ignoreEndOfSequence {
            for id in stops { sampling.logitBias.append(SamplerSettings.Bias(token: id, value: -.infinity)) }
            stops = []
        }
        stopTokens = stops
        try sampling.validate(vocabularySize: model.vocabularySize)
        sampler = Sampler(sampling)

        (scheduler, scheduleName) = try Session.scheduler(options, bundle)
        let context = options.contextLength ?? min(model.contextLength, 4096)
        if context > model.contextLength && !options.quiet {
            Console.note(
                "warning: the model was trained for " + String(model.contextLength)
                    + " positions; text beyond them may make no sense")
        }
        let pool = ThreadPool(
            threadCount: options.threads ?? processorCount(), instructionSet: instructions)
        transformer = try Transformer(
            bundle: bundle, contextLength: context == 0 ? model.contextLength : context, pool: pool)
        output = Output(
            coloured: options.showBits && !options.json && Console.isTerminal(1)
                && (Files.environment("NO_COLOR") ?? "").isEmpty)

        if options.verbose {
            Console.note(
                place + ": " + model.family + ", " + String(model.layerCount) + " layers, precisions "
                    + transformer.served.map { $0.text }.joined(separator: " ") + "; "
                    + String(pool.threadCount) + " threads, " + instructions.name + "; context "
                    + String(transformer.contextLength) + "; loaded in "
                    + fixed((monotonicSeconds() - start) * 1000, 1) + " ms; schedule " + scheduleName + " ("
                    + scheduler.text + "), prefill " + scheduler.prefillBits.text + " bits; seed "
                    + String(sampling.seed))
        }
    }

    /// Nothing to answer, but somebody at the keyboard and a template to talk with.
    var shouldConverse: Bool {
        options.prompt == nil && options.promptFile == nil && !options.json && template != nil
            && Console.isTerminal(0)
    }

    private static func clockSeed() -> UInt64 {
        // The fraction of the clock's seconds, in nanoseconds, differs from run to run.
        UInt64(monotonicSeconds() * 1e9) &* 0x9e37_79b9_7f4a_7c15 >> 1
    }

    private static func scheduler(
        _ options: Options, _ bundle: Bundle
    ) throws(TaperError) -> (DecodeScheduler, String) {
        let served = try bundle.servedPrecisions()
        let place = options.modelPath
        guard let highest = served.last else {
            throw TaperError(.badData, "the bundle has no precision", at: place)
        }
        let prefill = options.prefillBits

        func checked(_ schedule: PrecisionSchedule, _ name: String) throws(TaperError) -> (DecodeScheduler, String) {
            try schedule.check(served: served, place: place)
            return (.fixed(schedule), name)
        }
        func calibrated(_ record: Schedule) throws(TaperError) -> (DecodeScheduler, String) {
            let whole = try PrecisionSchedule(record, place: place + " (schedule " + record.task + ")")
            let schedule = try PrecisionSchedule(
                prefillBits: prefill ?? whole.prefillBits, steps: whole.steps, place: place)
            return try checked(schedule, "static:" + record.task)
        }
        if let bits = options.bits {
            return try checked(.constant(bits, prefillBits: prefill), "fixed")
        }
        if let text = options.switchPoints {
            let schedule = try PrecisionSchedule(parsing: text, prefillBits: prefill ?? highest, place: "--switch")
            return try checked(schedule, "switch")
        }
        switch options.scheduling {
        case .fixed: return try checked(.constant(highest, prefillBits: prefill), "fixed")
        case .learned:
            guard let learned = try bundle.learnedScheduler() else {
                throw TaperError(
                    .usage, "the bundle has no learned scheduler", at: "--schedule",
                    remedy: "Train one with taper calibrate --learned, or use --schedule static or fixed, or --switch")
            }
            // Its own precisions were checked when it was read.
            let bits = prefill ?? learned.prefillBits
            _ = try checked(.constant(bits), "learned")
            return (.learned(learned, prefillBits: bits), "learned")
        case .calibrated(let task):
            let all = try bundle.schedules()
            let names = all.map { $0.task }.joined(separator: ", ")
            if let task {
                if let record = all.first(where: { $0.task == task }) { return try calibrated(record) }
                throw TaperError(
                    .usage, "the bundle has no schedule for this task", at: "--schedule",
                    expected: all.isEmpty ? "taper calibrate first" : "one of " + names,
                    found: "\"" + printable(task) + "\"")
            }
            if let record = all.count == 1 ? all.first : all.first(where: { $0.task == "default" }) {
                return try calibrated(record)
            }
            throw TaperError(
                .usage, all.isEmpty ? "the bundle has no calibrated schedule" : "the bundle has several schedules",
                at: "--schedule", remedy: all.isEmpty ? "Make one with taper calibrate" : "Name one: " + names)
        case .automatic:
            let all = try bundle.schedules()
            if let record = all.count == 1 ? all.first : all.first(where: { $0.task == "default" }) {
                return try calibrated(record)
            }
            return try checked(.constant(highest, prefillBits: prefill), "fixed")
        }
    }
}
