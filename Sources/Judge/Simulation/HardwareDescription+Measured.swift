public import Evaluation
public import Storage

extension HardwareDescription {
    /// A processor as it was measured: its read bandwidth and what its cores do in their caches.
    ///
    /// Rates are in cycles of 10 ns, which is a unit and no clock. The buffer stands for what prefetching has under way
    /// within a product: hardly anything comes early over its end. Energies are not measured and are zero.
    /// - Parameters:
    ///   - measurement: for the last of its precisions 16 bits.
    ///   - readBytesPerSecond: of the same threads.
    public init(
        _ measurement: MachineMeasurement, readBytesPerSecond: Double, name: String, note: String, memoryByteCount: Int
    ) throws(TaperError) {
        let cyclesPerSecond = 1e8
        func rate(_ perSecond: Double) -> Int {
            Int(min(max((perSecond / cyclesPerSecond).rounded(), 1), Double(1 << 24)))
        }
        self.name = name
        self.note = note
        clockMegahertz = Int(cyclesPerSecond / 1e6)
        memory = Memory(
            megabytesPerSecond: max(100, Int((readBytesPerSecond / 1e8).rounded()) * 100), latencyNanoseconds: 0,
            byteCount: memoryByteCount, picojoulesPerByte: 0)
        buffer = Buffer(byteCount: 1 << 14, slotCount: 2, tableByteCount: 0, picojoulesPerByte: 0)
        // Halves of weights and of the cache go to one entry, and decode steps of nested codes multiply only the latter.
        multipliers = measurement.multiplicationsPerSecond.keys.sorted().map { bits in
            let perSecond =
                bits == BitWidth.half
                ? measurement.attentionPerSecond : measurement.multiplicationsPerSecond[bits] ?? 1
            return Multipliers(bits: bits, perCycle: rate(perSecond), picojoules: 0)
        }
        array = nil
        lookups = nil
        vector = VectorUnit(
            lanes: rate(measurement.normElementsPerSecond * Double(ElementCost.norm)), picojoules: 0)
        prefillRows = 128
        operationCycles = Int((measurement.secondsPerOperation * cyclesPerSecond).rounded())
        switchCycles = 0
        staticWatts = 0
        _ = try TimeBase(self, place: name)
    }
}
