import Bundle
import Chat
import Decoding
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
    let engine: Engine
    /// Holds the prompt or the conversation.
    let sequence: TokenSequence
    let speculation: Speculation?
    /// nil where memory is not looked at.
    let memory: SessionMemory?
    /// Which precisions decode, and why.
    let schedule: ScheduleChoice
    let stopTokens: [Int]
    /// The user's reverse prompts, and the template's stops that are no tokens.
    let stopTexts: AnswerText.Stops
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
        if let warning = options.warning, !options.quiet { StandardStreams.note("warning: " + warning) }
        if options.lockMemory && !bundle.lockInMemory() && !options.quiet {
            StandardStreams.note("warning: the system refuses to keep the bundle in memory (see ulimit -l)")
        }
        tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: place + " (tokenizer)")

        var stored: ChatTemplate?
        if let json = try bundle.json(SectionName.chat) {
            stored = try ChatTemplate(json: json, place: place + " (chat)")
        }
        template = options.rawPrompt ? nil : stored
        if options.systemPrompt != nil && template == nil {
            throw TaperError(.usage, "the bundle has no chat template to put it in", at: "--system-prompt")
        }
        if !options.quiet {
            if stored == nil && !options.rawPrompt {
                StandardStreams.note("note: the bundle has no chat format; the prompt is completed as it stands")
            } else if options.systemPrompt != nil && stored?.systemPlace == .dropped {
                StandardStreams.note("warning: the model's chat template drops system messages, this one too")
            }
        }

        let ends = AnswerEnds(model, tokenizer, template)
        stopTexts = AnswerText.Stops(
            options.reversePrompts, known: options.ignoreEndOfSequence ? [] : ends.texts, tokenizer)
        var sampling = options.sampling
        if options.seedFromClock { sampling.seed = Session.clockSeed() }
        if options.ignoreEndOfSequence {
            for id in ends.tokens { sampling.logitBias.append(SamplerSettings.Bias(token: id, value: -.infinity)) }
        }
        stopTokens = options.ignoreEndOfSequence ? [] : ends.tokens
        try sampling.validate(vocabularySize: model.vocabularySize)
        sampler = Sampler(sampling)

        schedule = try ScheduleChoice(
            options.scheduling, of: bundle, prefill: options.prefillBits, place: options.schedulingFlag)
        // Nothing needs the section, so a damaged one says nothing here.
        if !options.quiet, let quality = (try? bundle.quality()) ?? nil,
            let warning = quality.warning(of: schedule.scheduler.decodeBits)
        {
            StandardStreams.note("warning: " + warning)
        }
        let context = options.contextLength ?? min(model.contextLength, 4096)
        if context > model.contextLength && !options.quiet {
            StandardStreams.note(
                "warning: the model was trained for " + String(model.contextLength)
                    + " positions; text beyond them may make no sense")
        }
        let pool = ThreadPool(
            threadCount: options.threads ?? readingThreadCount(), instructionSet: instructions)
        engine = try Engine(
            // Without screens they are not looked at, either.
            options.readsWholeHead
                ? try TransformerWeights(bundle, headScreens: []) : try TransformerWeights(bundle),
            contextLength: context == 0 ? model.contextLength : context, pool: pool,
            verification: options.verification, cacheBits: options.cacheBits)
        sequence = try engine.makeSequence()
        speculation =
            try options.speculates
            ? engine.weights.speculation(draftBits: options.draftBits, for: schedule.scheduler) : nil
        if let draftBits = speculation?.draftBits, !options.quiet,
            schedule.scheduler.decodeBits.allSatisfy({ $0 <= draftBits })
        {
            StandardStreams.note(
                "warning: nothing is drafted, as no step decodes at more than " + draftBits.text + " bits")
        }
        memory = try SessionMemory(
            options, engine, schedule.scheduler, draft: speculation?.draftBits,
            quality: (try? bundle.quality()) ?? nil)
        output = Output(
            coloured: options.showBits && !options.json && StandardStreams.isTerminal(1)
                && (Files.environment("NO_COLOR") ?? "").isEmpty)

        if options.verbose {
            StandardStreams.note(
                place + ": " + model.family + ", " + String(model.layerCount) + " layers, precisions "
                    + engine.weights.served.map { $0.text }.joined(separator: " ") + "; "
                    + String(pool.threadCount) + " threads, " + instructions.name + "; context "
                    + String(engine.contextLength) + "; loaded in "
                    + fixed((monotonicSeconds() - start) * 1000, 1) + " ms; schedule " + schedule.name + " ("
                    + schedule.scheduler.text + "), " + schedule.reason + "; prefill "
                    + schedule.scheduler.prefillBits.text + " bits; seed " + String(sampling.seed))
        }
    }

    /// Whether the model was trained for a longer context than this run has.
    var couldHaveLongerContext: Bool { engine.contextLength < engine.config.contextLength }

    /// - Parameter remedy: what to do about a text that does not fit.
    func room(remedy: String) -> ContextRoom {
        ContextRoom(
            capacity: sequence.capacity, maxNewTokens: options.maxNewTokens, dropsOldest: options.dropOldest,
            remedy: remedy)
    }

    /// Nothing to answer, but somebody at the keyboard and a template to talk with.
    var shouldConverse: Bool {
        options.prompt == nil && options.promptFile == nil && !options.json && template != nil
            && StandardStreams.isTerminal(0)
    }

    private static func clockSeed() -> UInt64 {
        // The fraction of the clock's seconds, in nanoseconds, differs from run to run.
        UInt64(monotonicSeconds() * 1e9) &* 0x9e37_79b9_7f4a_7c15 >> 1
    }
}
