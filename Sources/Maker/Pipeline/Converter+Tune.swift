import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage
import Text

extension Converter {
    /// Version of the tuning's output; raise it when the same input gives other tables.
    static let tuningVersion = 1

    /// Tunes the tables of all linear layers end to end; the codes stay, so tensors only change their keys.
    func tune(_ keys: StageKeys, _ tensors: [StoredTensor]) throws(TaperError) -> [StoredTensor] {
        guard let key = keys.tuning else { return tensors }
        let plans = recipe.tuningPlans
        let linear = Set(checkpoint.config.tensorRequirements().filter(\.isLinear).map(\.name))
        let tuned = tensors.map { tensor in
            StoredTensor(name: tensor.name, encoding: tensor.encoding, key: keys.tensors[tensor.name] ?? tensor.key)
        }
        progress.begin("tune")
        if !options.restart,
            zip(tensors, tuned).allSatisfy({ $0.key == $1.key || work.contains("tensor", $1.key) })
        {
            reused += linear.count
            progress.end("reused")
            return tuned
        }
        let packed = try tuneTables(tensors.filter { linear.contains($0.name) }, all: tensors, key: key, plans: plans)
        for matrix in packed {
            guard let key = keys.tensors[matrix.name] else { continue }
            try work.store(matrix.workBytes(), "tensor", key)
            made += 1
        }
        work.remove("tuning", key)
        return tuned
    }

    private func tuneTables(
        _ tensors: [StoredTensor], all: [StoredTensor], key: ContentKey, plans: [TuningPlan]
    ) throws(TaperError) -> [PackedMatrix] {
        let sequences = try sequences(.tuning)
        let share = estimate.tuningTargetsShare
        let targets = try ReferenceStates(
            try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads), sequences: sequences,
            known: finalStates
        ) { progress.update($0 * share, "what the full-precision model says") }
        var layers: [PackedMatrix] = []
        for tensor in tensors { layers.append(try matrix(tensor)) }
        let model = try GradientModel(WeightSource(checkpoint), threads: options.threads)
        let tuner = TableTuner(model: model, targets: targets, layers: layers)
        layers = []
        let total = plans.reduce(0) { $0 + $1.steps }
        var done = 0
        var first = 0
        var start = 0
        if !options.restart, let bytes = work.load("tuning", key) {
            if let saved = try? TuningSnapshot(bytes: bytes), saved.plan < plans.count,
                tuner.restore(saved.state, bits: plans[saved.plan].bits)
            {
                (first, start) = (saved.plan, saved.step)
                done = plans[..<first].reduce(0) { $0 + $1.steps } + start
                progress.note("tuning goes on at step \(done) of \(total)")
            } else {
                work.discard("tuning", key)
            }
        }
        let found = done
        var lines: [String] = []
        var lastSaved = monotonicSeconds()
        for (index, plan) in plans.enumerated().dropFirst(first) {
            try useStoredEmbedding(in: model, bits: plan.bits, tensors: all)
            var before = 0.0
            let after = try tuner.tune(plan, from: index == first ? start : 0) { step, divergence throws(TaperError) in
                if step == 1 { before = divergence }
                done += 1
                progress.update(
                    share + (1 - share) * Double(done - found) / Double(max(1, total - found)),
                    "\(plan.bits) bits, step \(step) of \(plan.steps), divergence from full precision "
                        + "\(fixed(divergence, 3)) nats a token")
                // A kill costs at most some minutes; a snapshot costs a second.
                if monotonicSeconds() - lastSaved > 120, step < plan.steps {
                    try work.store(TuningSnapshot(plan: index, step: step, state: tuner.state).bytes, "tuning", key)
                    lastSaved = monotonicSeconds()
                }
            }
            lines.append("\(plan.bits) bits \(fixed(before, 3)) to \(fixed(after, 3))")
        }
        progress.end(
            "divergence from full precision on calibration text, nats a token: " + lines.joined(separator: ", "))
        return try tuner.finish()
    }

    /// Embedding and head as the bundle holds them beside layers of `bits`, so that the tables make up for their rounding too.
    private func useStoredEmbedding(
        in model: GradientModel, bits: Int, tensors: [StoredTensor]
    ) throws(TaperError) {
        let linear = Set(checkpoint.config.tensorRequirements().filter(\.isLinear).map(\.name))
        for tensor in tensors where tensor.encoding != .vector && !linear.contains(tensor.name) {
            let values =
                tensor.encoding == .int8
                ? try PackedInt8(workBytes: try bytes(of: tensor)).dequantized()
                : try matrix(tensor).dequantized(bits: recipe.embeddingBits(at: bits))
            model.withWeights(tensor.name) { out in
                for index in 0..<min(out.count, values.count) { out[index] = values[index] }
            }
        }
    }

    private func matrix(_ tensor: StoredTensor) throws(TaperError) -> PackedMatrix {
        try PackedMatrix(workBytes: try bytes(of: tensor))
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
