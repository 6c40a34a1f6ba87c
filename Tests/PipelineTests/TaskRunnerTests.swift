import Bundle
import Calibration
import Checkpoint
import Decoding
import Evaluation
import Kernels
import Scoring
import Model
import Reference
import Runtime
import Storage
import Testing

/// Many strategies at once on the small model, compared with every one of them alone.
@Suite struct TaskRunnerTests {
    static let limit = 24
    let bundle: Bundle
    let examples: [TaskExample]
    let pool: ThreadPool

    init() throws {
        bundle = try Bundle(path: try EvaluatedSample.shared.get().bundle)
        examples = try readTask(TaperProgram.root + "/samples/tasks/tiny.val.jsonl", limit: 4)
        pool = try ThreadPool(threadCount: 2)
    }

    private func runner(keepsPrompts: Bool = false) throws -> TaskRunner {
        try TaskRunner(
            bundle: bundle, examples: examples, maxNewTokens: Self.limit, pool: pool, place: "test",
            keepsPrompts: keepsPrompts)
    }

    private func schedule(_ text: String, prefill: Precision = 4) throws -> PrecisionSchedule {
        try PrecisionSchedule(parsing: text, prefillBits: prefill, place: "test")
    }

    /// The runner of the product, one schedule and one prompt at a time.
    private func alone(
        _ prompt: [Int], _ schedule: PrecisionSchedule, stop: [Int], _ settings: SamplerSettings = .greedy
    ) throws -> TaskRunner.Answer {
        let engine = try Engine(
            try TransformerWeights(bundle), contextLength: prompt.count + Self.limit, pool: pool)
        var sampler = Sampler(settings)
        let result = try generate(
            engine, try engine.makeSequence(), prompt: prompt, maxNewTokens: Self.limit, scheduler: .fixed(schedule),
            sampler: &sampler, stopTokens: stop
        ) { _, _ in true }
        return TaskRunner.Answer(tokens: result.tokens, bits: result.bitsPerStep)
    }

    @Test func answersAreThoseOfEveryScheduleAlone() throws {
        let schedules = [
            try schedule("4@0"), try schedule("4@0,2@8"), try schedule("2@0"), try schedule("4@0,2@3"),
            try schedule("2@0", prefill: 2), try schedule("4@0", prefill: 2), try schedule("4@0,2@8"),
        ]
        for keepsPrompts in [false, true] {
            let runner = try runner(keepsPrompts: keepsPrompts)
            // Twice: a kept prompt serves again.
            _ = try runner.run(Array(examples.indices), schedules.map { DecodeStrategy($0) })
            let outcomes = try runner.run(Array(examples.indices), schedules.map { DecodeStrategy($0) })
            for (index, row) in outcomes.enumerated() {
                for (order, outcome) in row.enumerated() {
                    let expected = try alone(runner.prompts[index], schedules[order], stop: runner.stopTokens)
                    #expect(outcome.answer == expected, "example \(index), \(schedules[order].text)")
                    #expect(outcome.schedule == schedules[order])
                }
            }
            #expect(runner.sharedStepCount > 0)
            let asked = outcomes.joined().reduce(0) { $0 + $1.answer.bits.count }
            #expect(runner.stepCount + runner.sharedStepCount == 2 * asked)
            #expect(runner.answerCount == 2 * examples.count * schedules.count)
        }
    }

    /// Samples are what the runner draws with the same seed, one schedule and one prompt at a time.
    @Test func samplesAreThoseOfEveryScheduleAlone() throws {
        let schedules = try ["4@0", "2@0", "4@0,2@6"].map { try schedule($0) }
        let runner = try runner()
        var texts: [[Int]] = []
        for sample in [0, 3] {
            let outcomes = try runner.run(
                Array(examples.indices), schedules.map { DecodeStrategy($0) },
                sampling: AnswerSampling(temperature: 1.5, sample: sample))
            for (index, row) in outcomes.enumerated() {
                var settings = SamplerSettings()
                settings.temperature = 1.5
                settings.topK = 0
                settings.topP = 0.95
                settings.minP = 0
                settings.seed = UInt64(index << 32 + sample)
                for (order, outcome) in row.enumerated() {
                    let expected = try alone(
                        runner.prompts[index], schedules[order], stop: runner.stopTokens, settings)
                    #expect(outcome.answer == expected, "example \(index), \(schedules[order].text)")
                }
                texts.append(row[0].answer.tokens)
            }
        }
        // Another sample, and another example with the same sample, is another answer.
        #expect(Set(texts).count > examples.count)
        #expect(runner.sharedStepCount > 0)
    }

    /// However many examples are at work together, and whenever the others come in.
    @Test func placesDoNotChangeAnswers() throws {
        let many = try readTask(TaperProgram.root + "/samples/tasks/tiny.val.jsonl", limit: 9)
        let prompts = try TaskPrompts(.bundle(bundle), examples: many, place: "test")
        let texts = [["4@0"], ["4@0,2@5"], ["2@0", "4@0,2@3", "4@0"]]
        var lengths: Set<Int> = []
        for schedules in try texts.map({ try $0.map { try schedule($0) } }) {
            let expected = try prompts.prompts.map { prompt in
                try schedules.map { try alone(prompt, $0, stop: prompts.stopTokens) }
            }
            for wanted in [1, 2, 3, 5, 9] {
                let config = bundle.manifest.model
                let context = prompts.longestPrompt + Self.limit
                let cache = context * config.layerCount * config.kvSize * 2 * 2
                let runner = try TaskRunner(
                    bundle: bundle, prompts: prompts, maxNewTokens: Self.limit, pool: pool, place: "test",
                    cacheLimit: cache * schedules.count * wanted)
                #expect(runner.places(strategies: schedules.count) == wanted)
                var heard: [Double] = []
                let outcomes = try runner.run(Array(many.indices), schedules.map { DecodeStrategy($0) }) {
                    heard.append($0)
                }
                #expect(outcomes.map { $0.map(\.answer) } == expected, "\(wanted) places")
                #expect(zip(heard, heard.dropFirst()).allSatisfy { $0 <= $1 + 1e-9 } && heard.allSatisfy { $0 <= 1 })
            }
            for row in expected { for answer in row { lengths.insert(answer.tokens.count) } }
        }
        // Answers end at different steps, so that places get free at different steps.
        #expect(lengths.count > 1)
    }

    /// A pattern may rise again; a decision after the prefill is a schedule like others.
    @Test func everyStepHasThePrecisionOfItsStrategy() throws {
        let runner = try runner()
        var prompts: [Int] = []
        let decided = try schedule("4@0,2@5")
        let strategies = [
            DecodeStrategy(prefillBits: 4, rule: .pattern { example, step in (step + example) % 2 == 0 ? 4 : 2 }),
            DecodeStrategy(
                prefillBits: 4,
                rule: .afterPrefill { _, sequence in
                    prompts.append(sequence.position)
                    return decided
                }),
            DecodeStrategy(decided),
        ]
        let outcomes = try runner.run(Array(examples.indices), strategies)
        for (index, row) in outcomes.enumerated() {
            let bits = row[0].answer.bits
            #expect(bits == bits.indices.map { ($0 + index) % 2 == 0 ? 4 : 2 })
            #expect(row[1].answer == row[2].answer && row[1].schedule == decided && row[0].schedule == nil)
            #expect(row[2].answer.bits == row[2].answer.bits.indices.map { $0 < 5 ? 4 : 2 })
        }
        #expect(prompts == runner.prompts.map(\.count))
    }

    /// Ten probabilities are heard before the rule may step down: the prompt's and those of nine steps.
    @Test func confidenceStepsDownOnceAfterItHasListened() throws {
        let runner = try runner()
        let strategies = [-100.0, 100].map { k in
            DecodeStrategy(prefillBits: 4, rule: .confidence(ConfidenceRule(high: 4, low: 2, k: k)))
        }
        var longest = 0
        for row in try runner.run(Array(examples.indices), strategies) {
            let bits = row[0].answer.bits
            longest = max(longest, bits.count)
            #expect(bits == bits.indices.map { $0 < 10 ? 4 : 2 })
            #expect(row[1].answer.bits.allSatisfy { $0 == 4 })
        }
        #expect(longest > 10)
    }

    /// Divergences along the full-precision answers, by another implementation: one schedule and one text at a time.
    @Test func divergencesAreThoseOfTheLikelihoodMeasurement() throws {
        let runner = try runner()
        let checkpoint = try Checkpoint.open(try EvaluatedSample.shared.get().checkpoint)
        let reference = try ReferenceModel(checkpoint, residency: .resident, threads: 2)
        let full = try FloatAnswers(
            reference, prompts: runner.prompts, limit: Self.limit, stop: runner.stopTokens
        ) { _ in }
        let alone = try runner.prompts.map {
            try reference.greedy($0, maxNewTokens: Self.limit, stop: runner.stopTokens)
        }
        #expect(full.tokens == alone)

        let schedules = [
            try schedule("4@0"), try schedule("4@0,2@7"), try schedule("2@0"), try schedule("2@0", prefill: 2),
        ]
        let outcomes = try runner.run(
            Array(examples.indices), schedules.map { DecodeStrategy($0) }, paths: full.paths, writes: false)
        let prompts = try TaskPrompts(.bundle(bundle), examples: examples, place: "test")
        let measurement = try AnswerDivergence(
            prompts, answers: full.tokens, maxNewTokens: Self.limit, reference: reference, pool: pool, place: "test")
        let engine = try Engine(try TransformerWeights(bundle), contextLength: measurement.longest, pool: pool)
        let expected = try measurement.run(.bundle(engine, schedules.map { ($0.text, $0) })) { _ in }
        for (index, row) in outcomes.enumerated() {
            for (order, outcome) in row.enumerated() {
                let divergence = try #require(outcome.divergence)
                let other = expected[order].tallies[index].score
                #expect(abs(divergence.mean - other) < 1e-3 * other + 1e-6, "example \(index), schedule \(order)")
                #expect(outcome.answer.tokens.isEmpty)
                #expect(outcome.pathBits == (0..<full.readCounts[index]).map { schedules[order].bits(atStep: $0) })
            }
        }
        // Reading along a path leaves answers as they are.
        let written = try runner.run(Array(examples.indices), schedules.map { DecodeStrategy($0) }, paths: full.paths)
        let plain = try runner.run(Array(examples.indices), schedules.map { DecodeStrategy($0) })
        #expect(written.map { $0.map(\.answer) } == plain.map { $0.map(\.answer) })
    }
}
