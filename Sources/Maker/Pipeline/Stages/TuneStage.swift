import Kernels
import Model
import Quantization
import Reference
import Storage

/// Tunes the tables of all linear layers end to end; the codes stay. Unfinished work is saved from time to time.
struct TuneStage: ByteStage {
    static let kind = StageKind.tune
    static let version = QuantizerVersion.tuning

    let model: ModelInput
    let linear: [Artifact<PackedMatrix>]
    /// Embedding and head.
    let others: [PackedPart]
    let embeddingPrecisions: [Int]
    let text: TextInput
    let plans: [TuningPlan]

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let sequences = try text.sequences(workspace)
        let checkpoint = try model.open(workspace)
        let share = ConversionEstimate.targetsShare(model.config, tokens: sequences.map(\.count), plans)
        let targets = try ReferenceStates(
            try ReferenceModel(
                checkpoint, residency: .streamed, threads: workspace.threads, precision: .fastest),
            sequences: sequences,
            known: workspace.states.known(model)
        ) { workspace.update($0 * share, "what the full-precision model says") }
        let tuner = try TableTuner(
            WeightSource(checkpoint), targets: targets, residency: .keeping(model.config, workspace.memory),
            threads: workspace.threads, precision: .fastest, layers: linear.count
        ) { index throws(TaperError) in try workspace.value(linear[index]) }
        try tune(tuner, workspace, from: share)
        var tables = TunedTables()
        try tuner.finish { tables.all[$0.name] = $0.tables }
        return tables.bytes
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> TunedTables { try TunedTables(bytes: bytes) }

    func outcome(_ output: TunedTables) -> String? { "tables of \(output.all.count) layers" }

    private func tune(
        _ tuner: TableTuner, _ workspace: StageWorkspace, from share: Double
    ) throws(TaperError) {
        let total = plans.reduce(0) { $0 + $1.steps }
        var (first, start) = (0, 0)
        if let bytes = workspace.saved.load() {
            if let saved = try? TuningSnapshot(bytes: bytes), saved.plan < plans.count,
                tuner.restore(saved.state, bits: plans[saved.plan].bits)
            {
                (first, start) = (saved.plan, saved.step)
            } else {
                workspace.saved.discard()
            }
        }
        let found = plans[..<first].reduce(0) { $0 + $1.steps } + start
        var done = found
        if found > 0 { workspace.progress.note("tuning goes on at step \(done) of \(total)") }
        var lines: [String] = []
        var lastSaved = monotonicSeconds()
        for (index, plan) in plans.enumerated().dropFirst(first) {
            try useStoredEmbedding(
                in: tuner, bits: plan.bits, last: index == first ? nil : plans[index - 1].bits, workspace)
            var before = 0.0
            let after = try tuner.tune(plan, from: index == first ? start : 0) { step, divergence throws(TaperError) in
                if step == 1 { before = divergence }
                done += 1
                workspace.update(
                    share + (1 - share) * Double(done - found) / Double(max(1, total - found)),
                    "\(plan.bits) bits, step \(step) of \(plan.steps), divergence from full precision "
                        + "\(fixed(divergence, 3)) nats a token")
                // A kill costs at most some minutes; a snapshot costs a second.
                if monotonicSeconds() - lastSaved > 120, step < plan.steps {
                    try workspace.saved.store(TuningSnapshot(plan: index, step: step, state: tuner.state).bytes)
                    lastSaved = monotonicSeconds()
                }
            }
            lines.append("\(plan.bits) bits \(fixed(before, 3)) to \(fixed(after, 3))")
        }
        workspace.progress.note(
            "tune: divergence from full precision on calibration text, nats a token: "
                + lines.joined(separator: ", "))
    }

    /// Embedding and head as the bundle holds them beside layers of `bits`, so that the tables make up for their rounding too.
    /// - Parameter last: bits of the layers that the tuner has them for.
    private func useStoredEmbedding(
        in tuner: TableTuner, bits: Int, last: Int?, _ workspace: StageWorkspace
    ) throws(TaperError) {
        func own(_ bits: Int) -> Int { embeddingPrecisions.last { $0 <= bits } ?? embeddingPrecisions.first ?? 8 }
        if let last, own(last) == own(bits) { return }
        for part in others {
            switch part {
            case .vector: continue
            case .bytes(_, let codes):
                let codes = try workspace.value(codes)
                tuner.replace(part.name) { _, rows in codes.dequantized(rows: rows) }
            case .nested(_, let codes, _):
                let codes = try workspace.value(codes)
                tuner.replace(part.name) { _, rows in codes.dequantized(bits: own(bits), rows: rows) }
            }
        }
    }
}

/// Where an interrupted tuning stood.
struct TuningSnapshot {
    let plan: Int
    let step: Int
    let state: [[Float]]

    init(plan: Int, step: Int, state: [[Float]]) {
        self.plan = plan
        self.step = step
        self.state = state
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        for value in [plan, step, state.count] { writer.u64(UInt64(value)) }
        for values in state { writer.floats(values) }
        return writer.bytes
    }

    init(bytes: [UInt8]) throws(TaperError) {
        self = try bytes.withBytes { raw throws(TaperError) -> TuningSnapshot in
            var reader = ByteReader(raw, place: "stored tuning")
            let plan = try reader.count("precision", limit: 64)
            let step = try reader.count("step", limit: 1 << 30)
            var state: [[Float]] = []
            for _ in 0..<(try reader.count("arrays", limit: 1 << 20)) { state.append(try reader.floats("values")) }
            return TuningSnapshot(plan: plan, step: step, state: state)
        }
    }
}
