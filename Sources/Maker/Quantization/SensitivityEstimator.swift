internal import CQuantization
public import Bundle
import Kernels
import Model
public import Reference
public import Storage

/// Estimates for every linear tensor and precision how much KL(full || quantized) grows when it is quantized.
///
/// To second order the divergence of a change d of the weights is d^T F d / 2, F the Fisher information. With G the
/// gradient that `GradientModel.curvatureProbe` draws for a sequence of T tokens, E[(G . d)^2] / (2 T) is that growth per
/// token. The quantization errors of different output rows are unrelated, so the square is taken row by row, which spares
/// the variance of products between rows: the sum over rows of E[(G_row . d_row)^2] / (2 T).
///
/// The dot products with all precisions come from one pass over the gradient: it is summed by code, and every precision's
/// centroids are multiplied with sums of sums.
public final class SensitivityEstimator {
    private let model: GradientModel
    private let layers: [TunedLayer]
    private let plans: [TensorPlan]
    private let source: WeightSource
    private let places: [String: Int]

    /// - Parameters:
    ///   - source: the full-precision model of which the bundle was made.
    ///   - residency: of the blocks' weights; it changes no estimate.
    public init(
        bundle: Bundle, source: WeightSource, residency: ReferenceModel.Residency = .resident, threads: Int,
        precision: FloatPrecision = .single
    ) throws(TaperError) {
        plans = bundle.manifest.linearTensors
        var layers: [TunedLayer] = []
        var places: [String: Int] = [:]
        for plan in plans {
            places[plan.name] = layers.count
            layers.append(TunedLayer(try bundle.packed(plan)))
        }
        model = try GradientModel(source, residency: residency, threads: threads, precision: precision)
        self.source = source
        self.layers = layers
        self.places = places
    }

    /// Means over the sequences, in the order of the bundle's linear tensors; the same for any number of threads.
    public func run(_ sequences: [[Int]], progress: (Double) -> Void) throws(TaperError) -> [TensorSensitivity] {
        var sums = layers.map { [Double](repeating: 0, count: $0.precisions.count) }
        var failure: TaperError?
        for (index, tokens) in sequences.enumerated() {
            let scale = 1 / Double(2 * tokens.count * sequences.count)
            _ = try model.step(
                tokens, loss: model.curvatureProbe(seed: UInt64(index)), wanted: { places[$0] != nil }
            ) { gradient in
                guard failure == nil, let place = places[gradient.name], !gradient.values.isEmpty else { return }
                do throws(TaperError) {
                    let weights = try weights(of: layers[place])
                    let squares = layers[place].squaredDirections(gradient.values, weights: weights, pool: model.pool)
                    for (order, square) in squares.enumerated() { sums[place][order] += square * scale }
                } catch { failure = error }
            }
            if let failure { throw failure }
            progress(Double(index + 1) / Double(sequences.count))
        }
        for (plan, sum) in zip(plans, sums) where !sum.allSatisfy(\.isFinite) {
            throw TaperError(
                .badData, "the divergence that a tensor's bits cost is not finite", at: "tensor " + plan.name,
                remedy: "A weight or an activation is beyond single precision; leave rungs out")
        }
        return zip(plans, zip(layers, sums)).map { plan, measured in
            let (layer, divergences) = measured
            return TensorSensitivity(
                name: plan.name, bits: layer.precisions, byteCounts: layer.precisions.map { plan.bytesRead(bits: $0) },
                divergences: divergences, weightCount: plan.shape[0] * plan.shape[1])
        }
    }
}

extension SensitivityEstimator {
    private func weights(of layer: TunedLayer) throws(TaperError) -> [Float] {
        let values = try source.read(layer.name)
        guard values.count == layer.rows * layer.columns else {
            throw TaperError(
                .badData, "the checkpoint is not the one the bundle was made of", at: layer.name,
                expected: "\(layer.rows) x \(layer.columns) weights", found: "\(values.count)")
        }
        return values
    }
}

extension TunedLayer {
    /// Of every precision, the sum over rows of (g . (quantized - w))^2; g and w are [rows * columns].
    func squaredDirections(
        _ gradient: UnsafeMutableBufferPointer<Float>, weights: [Float], pool: ThreadPool
    ) -> [Double] {
        let levels = precisions
        var squares = [Double](repeating: 0, count: rows * levels.count)
        squares.withUnsafeMutableBufferPointer { squares in
            codes.withUnsafeBufferPointer { codes in
                tables.withUnsafeBufferPointer { tables in
                    weights.withUnsafeBufferPointer { weights in
                        guard let codes = codes.baseAddress, let tables = tables.baseAddress,
                            let weights = weights.baseAddress, let gradient = gradient.baseAddress,
                            let out = squares.baseAddress
                        else { return }
                        nonisolated(unsafe) let (code, table, w, g, to) = (codes, tables, weights, gradient, out)
                        forRows(pool) { row in
                            withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                                guard let sums = sums.baseAddress else { return }
                                let start = row * columns
                                cq_collect_row(
                                    g + start, code + start, 0, Int32(1 << bits), Int32(columns), sums)
                                var full = 0.0
                                for column in start..<start + columns { full += Double(g[column]) * Double(w[column]) }
                                for (order, p) in levels.enumerated() {
                                    let centroids = table + row * stride + (1 << p) - 4
                                    var dot = -full
                                    for index in 0..<1 << bits {
                                        dot += Double(sums[index]) * Double(centroids[index >> (bits - p)])
                                    }
                                    to[row * levels.count + order] = dot * dot
                                }
                            }
                        }
                    }
                }
            }
        }
        let rowCount = rows
        return levels.indices.map { order in
            (0..<rowCount).reduce(0) { $0 + squares[$1 * levels.count + order] }
        }
    }
}

extension Bundle {
    /// A copy of a linear tensor's planes and tables.
    func packed(_ plan: TensorPlan) throws(TaperError) -> PackedMatrix {
        guard case .nested(let matrix) = try weights(plan.name).encoding, let highest = matrix.tables.last?.bits else {
            throw TaperError(.badData, "the tensor is not in nested codes", at: plan.name)
        }
        let (rows, columns) = (matrix.rows, matrix.columns)
        let padded = NestedLayout.paddedRows(rows)
        return PackedMatrix(
            name: plan.name, rows: rows, columns: columns, bits: highest,
            planes: matrix.planes.prefix(NestedLayout.planeCount(bits: highest)).enumerated().map { index, plane in
                Array(
                    UnsafeBufferPointer(
                        start: plane,
                        count: NestedLayout.planeByteCount(rows: rows, columns: columns, plane: index)))
            },
            tables: matrix.tables.map { table in
                PackedTable(
                    bits: table.bits,
                    entries: Array(UnsafeBufferPointer(start: table.entries, count: padded << table.bits)),
                    scales: Array(UnsafeBufferPointer(start: table.scales, count: padded)))
            })
    }
}
