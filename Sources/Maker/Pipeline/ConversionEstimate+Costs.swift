import Bundle
import Calibration
import Model
import Quantization

extension ConversionEstimate {
    /// Seconds of one thread per unit of work, on a machine whose thread does `Costs.operations` operations a second; fitted
    /// to conversions of a model of 135 million weights, joint codes to rows of 576, 1,536 and 8,960 columns.
    enum Costs {
        static let operations = 100e9
        /// Reading, decoding and hashing weights.
        static let decode = 2.0e-9
        static let hash = 0.3e-9
        /// Share of the products' rate that whole sequences reach.
        static let thick = 0.6
        /// A weight that becomes a byte; one that is read for some rows, and multiplied with each.
        static let byte = 20e-9
        static let byteWeight = 0.08e-9
        static let byteRow = 4e-12
        /// A number drawn from a row of logits, by entry.
        static let draw = 3e-9
        /// Joint codes: a row, a weight, and a weight by column, for every round; k-means, by weight.
        static let jointRow = 8e-6
        static let jointWeight = 190e-9
        static let joint = 0.052e-9
        static let kMeans = 130e-9
        /// Tables written out as weights and gradients summed by code, by weight.
        static let tables = 3e-9
        /// What a head's leading bits leave out, by weight, direction and number of bits tried.
        static let screen = 4e-9
        /// Quantized products against float ones.
        static let quantized = 0.2
        /// Bytes written.
        static let write = 2e-9
    }

    // Shares within a stage, in seconds of the machine that the costs were found on.

    /// Screens of a head in nested codes.
    static func screening(_ config: ModelConfig, rate: Double, scale: Double) -> StageEstimate {
        let shape = Shape(config)
        let tokens = Double(HeadScreenCost.tokens)
        let tried = Double(HeadScreenSection.leadBits.count * HeadScreenCost.directions(columns: config.hiddenSize))
        let states = 4 * shape.hidden * Double(HeadScreenCost.states)
        return StageEstimate(
            StageKind.screen.title,
            seconds: 2 * (shape.linear + shape.table) * tokens / (Costs.thick * rate) * Costs.quantized
                + shape.table * tried * Costs.screen * scale,
            memory: states + 64 * shape.vocabulary + 64e6, remedy: "put \"head_screen\": false into the recipe")
    }

    /// Codes and tables of the linear layers while they are tuned or weighed.
    static func codeBytes(_ recipe: Recipe, _ shape: Shape) -> Double {
        shape.linear + 6 * shape.linearRows * Double(2 << (recipe.nestedPrecisions.last ?? 6))
    }

    /// One block of the forward pass over some tokens, with the Hessians of its inputs.
    static func blockForward(_ config: ModelConfig, tokens: Int) -> Double {
        let shape = Shape(config)
        return Double(tokens) * (2 * shape.block + shape.columnsSquared) / (Costs.thick * Costs.operations)
            + shape.block * Costs.decode
    }

    /// Share of a tuning's time that goes into what it is tuned to.
    /// - Parameter tokens: of every sequence.
    static func targetsShare(_ config: ModelConfig, tokens: [Int], _ plans: [TuningPlan]) -> Double {
        let shape = Shape(config)
        let length = Double(tokens.max() ?? 1)
        let all = Double(tokens.reduce(0, +))
        let forward = 2 * shape.linear * all / (Costs.thick * Costs.operations) + shape.weights * Costs.decode
        let step =
            length * 4.5 * (shape.linear + shape.table) / (Costs.thick * Costs.operations)
            + 2 * shape.linear * Costs.tables
        return forward / max(forward + Double(plans.reduce(0) { $0 + $1.steps }) * step, 1e-12)
    }

    /// Joint codes of one tensor.
    static func jointly(rows: Int, columns: Int, rounds: Int) -> Double {
        let (rows, columns) = (Double(rows), Double(columns))
        return rows * Double(rounds + 1)
            * (Costs.jointRow + columns * (Costs.jointWeight + columns * Costs.joint))
    }
}
