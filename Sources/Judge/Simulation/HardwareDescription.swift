public import Storage

/// An accelerator as the simulator knows it: one channel to memory, an on-chip buffer in slots, multipliers, a vector unit.
///
/// `formats/hardware.schema.json` describes its file, `docs/simulation.md` what is simulated of it.
public struct HardwareDescription: Equatable, Sendable {
    /// The channel to memory: one transfer after the other.
    public struct Memory: Equatable, Sendable {
        /// Bytes per microsecond.
        public var megabytesPerSecond: Int
        /// From the end of a transfer on the channel to its bytes being usable.
        public var latencyNanoseconds: Int
        /// What it holds; a model must fit.
        public var byteCount: Int
        public var picojoulesPerByte: Double
    }

    /// Where tiles wait on the chip.
    public struct Buffer: Equatable, Sendable {
        public var byteCount: Int
        /// Equal parts; a transfer fills one until the multipliers have used it. Two are double buffering.
        public var slotCount: Int
        /// Room for centroid tables beside it: where all tables of a precision fit, they stay until the precision switches;
        /// else they come with the weights for every token.
        public var tableByteCount: Int
        /// Of a byte written or read.
        public var picojoulesPerByte: Double
        public var slotByteCount: Int { byteCount / slotCount }
    }

    /// Multiplications and additions of weights of at most `bits` with activations.
    public struct Multipliers: Equatable, Sendable {
        public var bits: Int
        public var perCycle: Int
        public var picojoules: Double
    }

    /// Codes become 8-bit centroids by look-ups before they are multiplied, at whatever precision.
    public struct Lookups: Equatable, Sendable {
        public var perCycle: Int
        public var picojoules: Double
    }

    /// What norms, rotations, softmax, activations and residuals run on.
    public struct VectorUnit: Equatable, Sendable {
        /// Element operations per cycle.
        public var lanes: Int
        public var picojoules: Double
    }

    public var name: String
    /// Where its figures come from.
    public var note: String
    public var clockMegahertz: Int
    public var memory: Memory
    public var buffer: Buffer
    /// Ascending in bits, the last of 16: attention multiplies halves.
    public var multipliers: [Multipliers]
    /// The multipliers are a systolic array; else any products go to any of them.
    public var array: SystolicArray?
    public var lookups: Lookups?
    public var vector: VectorUnit
    /// Prompt tokens that go through the model together.
    public var prefillRows: Int
    /// Cycles before products of one input, or an attention, begin.
    public var operationCycles: Int
    /// Cycles between two steps of different precision.
    public var switchCycles: Int
    /// Power that flows whatever happens.
    public var staticWatts: Double

    /// The multipliers for weights of so many bits: the narrowest that take them.
    func multipliers(for bits: Int) -> Multipliers {
        multipliers.first { $0.bits >= bits } ?? multipliers[multipliers.count - 1]
    }

    /// Cycles of y = x W^T, x [tokens, columns], W [rows, columns].
    /// - Parameter isCode: its weights are looked up where the hardware does that.
    func cycles(tokens: Int, rows: Int, columns: Int, bits: Int, isCode: Bool) -> Int {
        let unit = multipliers(for: isCode && lookups != nil ? 8 : bits)
        let multiplying =
            if let array {
                array.cycles(tokens: tokens, rows: rows, columns: columns) * (array.size / unit.perCycle)
            } else {
                divided(tokens * rows * columns, by: unit.perCycle)
            }
        guard isCode, let lookups else { return multiplying }
        return max(multiplying, divided(rows * columns, by: lookups.perCycle))
    }

    /// The most multiplications a second of weights of so many bits.
    public func peak(bits: Int) -> Double {
        let unit = multipliers(for: lookups != nil && BitWidth.isNested(bits) ? 8 : bits)
        return Double(unit.perCycle) * Double(clockMegahertz) * 1e6
    }
}

/// Rounded up.
func divided(_ value: Int, by divisor: Int) -> Int { (value + divisor - 1) / divisor }
