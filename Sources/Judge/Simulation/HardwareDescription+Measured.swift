public import Evaluation
import Model
public import Storage

extension HardwareDescription {
    /// A processor as it was measured: its read bandwidth, the products of a model's matrices by themselves at each of their
    /// precisions, and what stands between them.
    ///
    /// Products are measured with weights that come from memory, one matrix after the other as in a step, and not in a cache:
    /// where reading and decoding take about as long as one another they overlap only in part. Rates are in cycles of 10 ns,
    /// which is a unit and no clock. The buffer stands for what prefetching has under way within a product: hardly anything
    /// comes early over its end. Energies are not measured and are zero.
    /// - Parameters:
    ///   - results: of single precisions, among others; all of one thread count.
    ///   - rowLimit: rows of a prompt that go through the model together.
    /// - Throws: `usage` without a decode run at a single precision.
    public init(
        _ measurement: MachineMeasurement, _ results: [SpeedResult], of shape: ModelShape, rowLimit: Int, name: String,
        note: String, memoryByteCount: Int
    ) throws(TaperError) {
        let cyclesPerSecond = 1e8
        func rate(_ perSecond: Double) -> Int {
            Int(min(max((perSecond / cyclesPerSecond).rounded(), 1), Double(1 << 24)))
        }
        let config = shape.config
        let idleStep = median(measurement.idleStep) ?? 0
        // Four products and an attention in every layer, and the head.
        let secondsPerOperation = idleStep / Double(5 * config.layerCount + 1)
        var rates = MeasuredProducts(
            results, of: shape, idleLayers: median(measurement.idleLayers) ?? 0, idleHead: secondsPerOperation
        ).perSecond
        guard !rates.isEmpty else {
            throw TaperError(
                .usage, "a description needs decode runs at single precisions", at: shape.name,
                remedy: "Measure some, with one stream and some tokens to decode")
        }
        // Halves of weights and of the cache go to one entry, and decode steps of nested codes multiply only the latter.
        rates[BitWidth.half] =
            Double(2 * config.querySize * measurement.positions)
            / max((median(measurement.attention) ?? 0) - secondsPerOperation, 1e-9)
        let elementOperations =
            2 * config.hiddenSize * (ElementCost.norm + ElementCost.single)
            + config.intermediateSize * (ElementCost.activation + ElementCost.single)
        self.name = name
        self.note = note
        clockMegahertz = Int(cyclesPerSecond / 1e6)
        // Of as many bytes as some precision reads: what caches keep of weights they keep of these. Products have been measured
        // with what they read, so this only bounds them.
        let reading = measurement.reading.values.compactMap(median).max() ?? 0
        memory = Memory(
            megabytesPerSecond: max(100, Int((reading / 1e8).rounded()) * 100),
            latencyNanoseconds: 0, byteCount: memoryByteCount, picojoulesPerByte: 0)
        buffer = Buffer(byteCount: 1 << 14, slotCount: 2, tableByteCount: 0, picojoulesPerByte: 0)
        multipliers = rates.keys.sorted().map {
            Multipliers(bits: $0, perCycle: rate(rates[$0] ?? 1), picojoules: 0)
        }
        array = nil
        lookups = nil
        vector = VectorUnit(
            lanes: rate(Double(elementOperations) / max(median(measurement.vectors) ?? 0, 1e-9)), picojoules: 0)
        prefillRows = rowLimit
        operationCycles = Int((secondsPerOperation * cyclesPerSecond).rounded())
        switchCycles = 0
        staticWatts = 0
        _ = try TimeBase(self, place: name)
    }
}

/// Multiplications per second of a model's products, by bits of a weight.
struct MeasuredProducts {
    private var work: [Int: (multiplications: Double, seconds: Double)] = [:]
    var perSecond: [Int: Double] { work.mapValues { $0.multiplications / max($0.seconds, 1e-12) } }

    /// - Parameters:
    ///   - idleLayers: seconds that all layers' products take without anything to multiply, which is counted apart.
    ///   - idleHead: the same of the head.
    init(_ results: [SpeedResult], of shape: ModelShape, idleLayers: Double, idleHead: Double) {
        let layers = shape.layers.joined().reduce(0) { $0 + $1.matrix.rows * $1.matrix.columns }
        for result in results where result.streams == 1 && result.schedule.steps.count == 1 {
            let bits = result.schedule.steps[0].bits
            guard bits.kind == .nested, let layerSeconds = median(result.layerSeconds),
                let headSeconds = median(result.headSeconds)
            else { continue }
            add(layers, layerSeconds - idleLayers, bits: bits.roundedDown)
            add(
                shape.head.rows * shape.head.columns, headSeconds - idleHead,
                bits: shape.head.reading(bits: bits.roundedDown).bits)
        }
    }

    private mutating func add(_ multiplications: Int, _ seconds: Double, bits: Int) {
        let known = work[bits] ?? (0, 0)
        work[bits] = (known.multiplications + Double(multiplications), known.seconds + max(seconds, 0))
    }
}
