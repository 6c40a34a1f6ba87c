/// A systolic array of multipliers and how a product is laid on it, as SCALE-Sim does (arXiv 1811.02883, section 3): a fold at a
/// time, each filled, streamed through and drained.
public struct SystolicArray: Equatable, Sendable {
    public enum Dataflow: String, CaseIterable, Sendable {
        case outputStationary = "output_stationary"
        case weightStationary = "weight_stationary"
    }
    public var rows: Int
    public var columns: Int
    public var dataflow: Dataflow

    public init(rows: Int, columns: Int, dataflow: Dataflow) {
        self.rows = rows
        self.columns = columns
        self.dataflow = dataflow
    }

    public var size: Int { rows * columns }

    /// Cycles of y = x W^T, x [tokens, columns], W [rows, columns].
    public func cycles(tokens: Int, rows outputs: Int, columns inputs: Int) -> Int {
        switch dataflow {
        case .outputStationary:
            // Tokens over the array's rows, outputs over its columns, inputs in time; sums leave while the next fold begins.
            let folds = divided(tokens, by: rows) * divided(outputs, by: columns)
            return folds * (rows + columns + inputs - 2)
        case .weightStationary:
            // Inputs over the array's rows, outputs over its columns, tokens in time; weights enter through the rows.
            let folds = divided(inputs, by: rows) * divided(outputs, by: columns)
            return folds * (2 * rows + columns + tokens - 2)
        }
    }
}
