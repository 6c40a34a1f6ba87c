import Bundle
import Kernels
import Model
import Runtime
import Storage

import func Foundation.NSTemporaryDirectory
import struct Foundation.UUID

/// A bundle of random weights in a temporary file, removed with this object. Embedding and head are bytes, or codes of
/// `headPrecisions`.
final class TinyBundle {
    let bundle: Bundle
    let path: String

    init(
        _ config: ModelConfig, precisions: [Int] = [2, 3, 4, 6], headPrecisions: [Int] = [], seed: UInt64 = 1,
        tokenizer: [UInt8] = [1], documents: [(section: String, value: JSONValue)] = [],
        factor: (String) -> Float = { _ in 1 }
    ) throws {
        path = NSTemporaryDirectory() + "taper-runtime-\(UUID().uuidString).taper"
        var random = RandomGenerator(seed: seed)
        let plans = config.tensorRequirements().map { need in
            let encoding: TensorPlan.Encoding =
                need.shape.count == 1
                ? .float
                : need.isLinear
                    ? .nested(group: Manifest.linearGroup, precisions: precisions)
                    : headPrecisions.isEmpty ? .int8 : .nested(group: Manifest.fixedGroup, precisions: headPrecisions)
            return TensorPlan(name: need.name, shape: need.shape, encoding: encoding)
        }
        let manifest = Manifest(model: config, precisions: precisions, tensors: plans, provenance: .null)
        let writer = try BundleWriter(
            path: path, replacing: false, manifest: manifest, tokenizer: tokenizer, documents: documents)
        for plan in plans {
            switch plan.encoding {
            case .float:
                let isWeight = plan.name.hasSuffix("norm.weight")
                let vector = (0..<plan.shape[0]).map { _ in Float(random.uniform() - 0.5) + (isWeight ? 1 : 0) }
                try writer.add(vector: vector.map { $0 * factor(plan.name) }, name: plan.name)
            case .int8: try writer.add(TinyBundle.bytes(plan, &random))
            case .nested(_, let served):
                try writer.add(TinyBundle.nested(plan, served.filter { $0 <= 8 }, factor(plan.name), &random))
                if served.contains(16) { try writer.add(TinyBundle.half(plan, &random)) }
            }
        }
        try writer.finish()
        bundle = try Bundle(path: path)
    }

    deinit { Files.remove(path) }

    private static func bytes(_ plan: TensorPlan, _ random: inout RandomGenerator) -> PackedInt8 {
        let (rows, columns) = (plan.shape[0], plan.shape[1])
        let values = (0..<rows * columns).map { _ in UInt8(1 + random.next() % 255) }
        let scales = (0..<NestedLayout.paddedRows(rows)).map { _ in Float(0.005 + random.uniform() * 0.01) }
        return PackedInt8(
            name: plan.name, rows: rows, columns: columns,
            values: NestedLayout.tiled(values, rows: rows, columns: columns), scales: scales)
    }

    private static func half(_ plan: TensorPlan, _ random: inout RandomGenerator) -> PackedHalf {
        let (rows, columns) = (plan.shape[0], plan.shape[1])
        let weights = (0..<rows * columns).map { _ in Float(random.uniform() * 0.4 - 0.2) }
        return PackedHalf(
            name: plan.name, rows: rows, columns: columns,
            values: HalfLayout.pack(weights, rows: rows, columns: columns, pool: .make(1)))
    }

    /// Random codes; every precision's centroids are means of the next finer one's, with a little noise.
    private static func nested(
        _ plan: TensorPlan, _ precisions: [Int], _ factor: Float, _ random: inout RandomGenerator
    ) -> PackedMatrix {
        let (rows, columns, bits) = (plan.shape[0], plan.shape[1], precisions[precisions.count - 1])
        let codes = (0..<rows * columns).map { _ in UInt8(random.next() % (1 << UInt64(bits))) }
        let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits)
        let tables = precisions.map { precision in
            let padded = NestedLayout.paddedRows(rows)
            let count = 1 << precision
            var entries = [UInt8](repeating: 128, count: padded * count)
            for row in 0..<rows {
                for code in 0..<count {
                    let value = 8 + 240 * (Double(code) + 0.5) / Double(count) + random.uniform() * 8 - 4
                    entries[row * count + NestedLayout.tableIndex(ofPrefix: code, bits: precision)] = UInt8(value)
                }
            }
            let scales = (0..<padded).map { _ in Float(0.0015 + random.uniform() * 0.0005) * factor }
            return PackedTable(bits: precision, entries: entries, scales: scales)
        }
        return PackedMatrix(name: plan.name, rows: rows, columns: columns, bits: bits, planes: planes, tables: tables)
    }

    /// The oracle for one precision, from the rows the bundle itself dequantizes.
    func oracle(bits: Int) throws -> NaiveTransformer { try oracle(roundsInputs: bits < 16) { _ in bits } }

    /// The oracle for one rung; embedding and head take the whole precision below.
    func oracle(rung: Rung) throws -> NaiveTransformer {
        var bits: [String: Int] = [:]
        for (tensor, value) in zip(bundle.manifest.linearTensors, rung.bits) { bits[tensor.name] = value }
        return try oracle(roundsInputs: true) { bits[$0] ?? rung.precision.roundedDown }
    }

    private func oracle(roundsInputs: Bool, bits: (String) -> Int) throws -> NaiveTransformer {
        let config = bundle.manifest.model
        let pool = ThreadPool(threadCount: 1, instructionSet: .scalar)
        var matrices: [String: [[Double]]] = [:]
        var vectors: [String: [Double]] = [:]
        for need in config.tensorRequirements() {
            if need.shape.count == 1 {
                vectors[need.name] = try bundle.vector(need.name).map { Double($0) }
                continue
            }
            let matrix = try bundle.weights(need.name)
            var row = [Float](repeating: 0, count: matrix.columns)
            matrices[need.name] = (0..<matrix.rows).map { index in
                row.withUnsafeMutableBufferPointer { buffer in
                    matrix.dequantizeRow(index, bits: bits(need.name), into: buffer.baseAddress!, pool: pool)
                }
                return row.map { Double($0) }
            }
        }
        return NaiveTransformer(config: config, matrices: matrices, vectors: vectors, roundsInputs: roundsInputs)
    }

    /// A rung that gives three of four linear tensors the lower precision.
    static func rung(_ config: ModelConfig, low: Int, high: Int) -> Rung {
        let tensors = config.tensorRequirements().filter(\.isLinear)
        let bits = tensors.indices.map { $0 % 4 == 3 ? high : low }
        let weights = tensors.map { $0.shape[0] * $0.shape[1] }
        let average = Double(zip(bits, weights).reduce(0) { $0 + 100 * $1.0 * $1.1 }) / Double(weights.reduce(0, +))
        return Rung(precision: Precision(hundredths: Int(average.rounded())), bits: bits)
    }
}

extension ThreadPool {
    static func make(_ threads: Int, _ set: InstructionSet = .best) -> ThreadPool {
        ThreadPool(threadCount: threads, instructionSet: set)
    }
}
