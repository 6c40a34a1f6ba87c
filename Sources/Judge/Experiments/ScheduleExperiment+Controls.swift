import Evaluation
import Model
import Storage

extension ScheduleExperiment {
    /// Results with those of the controls of order behind the methods they control. The deals of one method are one result: the
    /// expectation over them.
    func controlled(
        _ results: [MethodResult], _ methods: [ExperimentMethod], _ outcomes: MethodOutcomes, _ paths: ForcedPaths,
        _ scoring: AnswerScoring, _ costs: DecodeCosts
    ) throws(TaperError) -> [MethodResult] {
        let controls = OrderControls(methods, outcomes, deals: settings.deals)
        if controls.all.isEmpty { return results }
        phase("orders reversed and dealt")
        let followed = try runner.run(
            examples, controls.strategies(settings.frame, sample: nil), paths: paths, writes: false
        ) { progress($0) }
        let written =
            settings.sampleCount == 0
            ? [try runner.run(examples, controls.strategies(settings.frame, sample: 0)) { progress($0) }]
            : try samples { controls.strategies(settings.frame, sample: $0) }
        let own = try self.results(
            controls.all.map { control in
                // Prompts are read as the controlled method reads them.
                ExperimentMethod(
                    control.label, control.kind,
                    DecodeStrategy(
                        prefillBits: methods[control.method].prefillBits ?? settings.frame.prefill,
                        rule: .pattern { _, _ in settings.frame.high }))
            }, MethodOutcomes(followed: followed, samples: written), scoring, costs)
        var all: [MethodResult] = []
        for (place, result) in results.enumerated() {
            var result = result
            result.reversedLabel = controls.reversedLabels[place]
            result.shuffledLabel = controls.shuffledLabels[place]
            all.append(result)
            let mine = zip(controls.all, own).filter { $0.0.method == place }
            all += mine.filter { $0.0.deal == nil }.map { $0.1 }
            let deals = mine.filter { $0.0.deal != nil }
            guard let first = deals.first?.0 else { continue }
            guard
                var mean = MethodResult.mixture(
                    deals.map { (1, $0.1) }, label: first.label, kind: .shuffled, costs: costs)
            else { continue }
            mean.note = "\(deals.count) deals" + (first.note.map { "; " + $0 } ?? "")
            all.append(mean)
        }
        return all
    }
}
