package import Model

/// How much of the stage "quantize jointly" is done: blocks of the full-precision model, and tensors, which take very
/// different times. Weighed by `ConversionEstimate`'s costs.
package struct JointProgress {
    private let config: ModelConfig
    private let rounds: Int
    private let lastLayer: Int
    /// Of one block's forward pass with its Hessians.
    private let forwardCost: Double
    private let total: Double
    private var doneForward = 0.0
    private var doneTensors = 0.0
    /// The block in work.
    package private(set) var layer = 0

    /// - Parameters:
    ///   - pending: shapes of the tensors that are not there yet, by layer; the last of them is the last block computed.
    ///   - tokens: of all sequences.
    package init(
        _ config: ModelConfig, pending: [Int: [(rows: Int, columns: Int)]], tokens: Int, rounds: Int
    ) {
        self.config = config
        self.rounds = rounds
        lastLayer = pending.keys.max() ?? 0
        forwardCost = ConversionEstimate.blockForward(config, tokens: tokens)
        let tensors = pending.values.joined().reduce(0) {
            $0 + ConversionEstimate.jointly(rows: $1.rows, columns: $1.columns, rounds: rounds)
        }
        total = max(forwardCost * Double(lastLayer + 1) + tensors, 1e-12)
    }

    /// - Parameter share: of the blocks up to the last pending one.
    package mutating func forward(_ share: Double) {
        doneForward = share * forwardCost * Double(lastLayer + 1)
        layer = min(lastLayer, Int(share * Double(lastLayer + 1)))
    }

    package mutating func quantized(rows: Int, columns: Int) {
        doneTensors += ConversionEstimate.jointly(rows: rows, columns: columns, rounds: rounds)
    }

    package var fraction: Double { min(1, (doneForward + doneTensors) / total) }
}
