import Decoding
import Evaluation
import Model
import Runtime
import Storage

extension ScheduleExperiment {
    /// Answers of a method that writes them one by one. Bits are those of the generation's steps, bytes those that the engine counted,
    /// and time is the clock's, scaled by what plain steps took beside it.
    ///
    /// - Parameters:
    ///   - methods: that have been run, with their outcomes: a drafted method has one of them for its twin.
    /// - Throws: `internalFault` where a drafted answer is another than its twin's.
    func generated(
        _ method: ExperimentMethod, _ methods: [ExperimentMethod], _ outcomes: MethodOutcomes, _ scoring: AnswerScoring,
        _ costs: DecodeCosts
    ) throws(TaperError) -> (MethodOutcomes, MethodResult) {
        guard let scheduler = method.scheduler else { preconditionFailure("the method generates nothing") }
        let twin = method.draftBits == nil ? nil : methods.firstIndex { $0.isSameText(as: scheduler) }
        var measured: [[MeasuredAnswer]] = []
        for sample in 0..<max(1, settings.sampleCount) {
            var answers: [MeasuredAnswer] = []
            for example in examples {
                let answer = try runner.generate(
                    example, scheduler, draftBits: method.draftBits, plainBits: settings.frame.high,
                    sampling: settings.sampling(sample))
                if let twin {
                    try check(answer, method, against: outcomes.samples[sample][example][twin].answer, example)
                }
                answers.append(answer)
                progress(
                    Double(sample * examples.count + answers.count)
                        / Double(max(1, settings.sampleCount) * examples.count))
            }
            measured.append(answers)
        }
        let own = MethodOutcomes(
            // Drafts change no distribution: along the full-precision answers it is its twin.
            followed: examples.map { example in
                [twin.map { outcomes.followed[example][$0] } ?? TaskRunner.Outcome()]
            },
            samples: measured.map { answers in
                answers.map { [TaskRunner.Outcome(answer: $0.answer)] }
            })
        var result = try scoring.result(
            method, samples: own.samples.map { $0.map { $0[0] } }, followed: own.followed.map { $0[0] })
        result.setCosts(costs)
        result.setMeasuredCosts(
            measured, prefillBits: scheduler.prefillBits, plainBits: settings.frame.high, costs: costs)
        return (own, result)
    }

    /// Drafting changes no text. Where it seems to, the same answer written alone without drafts decides: a head that is read in
    /// part misses a token now and then, with drafts and without.
    private func check(
        _ drafted: MeasuredAnswer, _ method: ExperimentMethod, against twin: TaskRunner.Answer, _ example: Int
    ) throws(TaperError) {
        guard drafted.answer != twin, let scheduler = method.scheduler else { return }
        let alone = try runner.generate(example, scheduler, plainBits: settings.frame.high)
        guard settings.sampleCount == 0, drafted.answer.tokens == alone.answer.tokens else {
            throw TaperError(
                .internalFault, "a drafted answer is another than the plain one", at: "example \(example + 1)",
                expected: runner.text(twin), found: runner.text(drafted.answer))
        }
    }
}

extension ExperimentMethod {
    /// Whether it writes what a constant scheduler writes.
    fileprivate func isSameText(as scheduler: DecodeScheduler) -> Bool {
        guard case .fixed(let schedule) = scheduler, case .schedule(let own) = strategy?.rule else { return false }
        return own == schedule
    }
}

extension MethodResult {
    /// Costs by clock and counts in place of those that follow from precisions.
    mutating func setMeasuredCosts(
        _ samples: [[MeasuredAnswer]], prefillBits: Precision, plainBits: Precision, costs: DecodeCosts
    ) {
        let all = Array(samples.joined())
        let plain = all.compactMap(\.plainSecondsPerStep)
        // Seconds of the common measure in a second of this clock.
        let scale =
            plain.isEmpty ? nil : costs.seconds[plainBits].map { $0 / (plain.reduce(0, +) / Double(plain.count)) }
        let share = 1 / Double(max(1, samples.count))
        self.costs = (samples.first ?? []).indices.map { example in
            samples.reduce(costs.prompt(example, bits: prefillBits)) { sum, answers in
                let answer = answers[example]
                return sum + share
                    * AnswerCost(
                        seconds: scale.map { $0 * answer.seconds }, bytes: Double(answer.weightBytes))
            }
        }
        let stepCount = all.reduce(0) { $0 + $1.answer.bits.count }
        guard stepCount > 0 else { return }
        bytesPerToken = Double(all.reduce(0) { $0 + $1.weightBytes }) / Double(stepCount)
        let seconds = all.reduce(0) { $0 + $1.seconds }
        tokensPerSecond = scale.flatMap { seconds > 0 ? Double(stepCount) / ($0 * seconds) : nil }
        let adaptive = all.compactMap(\.answer.adaptive)
        if !adaptive.isEmpty {
            averageBits = adaptive.reduce(0) { $0 + $1.sum { $0.bits } } / Double(stepCount)
            let (looks, kept) = (adaptive.reduce(0) { $0 + $1.looks }, adaptive.reduce(0) { $0 + $1.kept })
            note =
                "\(looks) steps unsure, \(kept) of their tokens kept, \(adaptive.reduce(0) { $0 + $1.rescues }) loops written again; \(stepCount) steps"
        }
        let drafted = all.reduce(0) { $0 + $1.draftedCount }
        if drafted > 0 {
            let accepted = all.reduce(0) { $0 + $1.acceptedCount }
            let verifications = all.reduce(0) { $0 + $1.verificationCount }
            note =
                "\(drafted) tokens drafted, \(accepted) of them right, in \(verifications) verifications; \(stepCount) steps"
        }
    }
}
