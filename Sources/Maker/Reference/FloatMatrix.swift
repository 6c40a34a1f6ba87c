internal import COneDNN
import Kernels
import Storage

/// A weight matrix, [rows * columns], as products read it.
enum FloatMatrix {
    case single([Float])
    case bfloat16([UInt16])

    static let empty = FloatMatrix.single([])

    /// - Parameter pool: rounds; nil: the calling thread.
    init(_ values: [Float], _ precision: FloatPrecision, pool: ThreadPool? = nil) {
        switch precision {
        case .single: self = .single(values)
        case .bfloat16:
            self = .bfloat16(
                [UInt16](unsafeUninitializedCapacity: values.count) { out, count in
                    if let to = out.baseAddress { Self.round(values, to, pool) }
                    count = values.count
                })
        }
    }

    /// From values that are read piece by piece, so that they never stand in memory as floats beside it.
    /// - Throws: what `read` throws.
    init(
        count: Int, piece: Int, _ precision: FloatPrecision, pool: ThreadPool,
        _ read: (Range<Int>) throws(TaperError) -> [Float]
    ) throws(TaperError) {
        let parts = stride(from: 0, to: count, by: piece).map { $0..<min(count, $0 + piece) }
        switch precision {
        case .single:
            var all: [Float] = []
            all.reserveCapacity(count)
            for part in parts { all += try read(part) }
            self = .single(all)
        case .bfloat16:
            var all = [UInt16](repeating: 0, count: count)
            for part in parts {
                let values = try read(part)
                all.withUnsafeMutableBufferPointer { out in
                    if let to = out.baseAddress { Self.round(values, to + part.lowerBound, pool) }
                }
            }
            self = .bfloat16(all)
        }
    }

    private static func round(_ values: [Float], _ to: UnsafeMutablePointer<UInt16>, _ pool: ThreadPool?) {
        values.withUnsafeBufferPointer { values in
            guard let from = values.baseAddress else { return }
            nonisolated(unsafe) let (source, target) = (from, to)
            func round(_ part: Int, _ parts: Int) {
                let start = values.count * part / parts
                od_round(source + start, values.count * (part + 1) / parts - start, target + start)
            }
            if let pool { pool.run(64) { round($0, 64) } } else { round(0, 1) }
        }
    }

    var count: Int {
        switch self {
        case .single(let values): values.count
        case .bfloat16(let values): values.count
        }
    }
}

/// Memory for factors on their way to a product, kept for the next one.
final class RoundedFactor {
    private var values: UnsafeMutablePointer<UInt16>?
    private var capacity = 0

    deinit { values?.deallocate() }

    /// The values rounded to bfloat16 by all threads; valid until the next call.
    func round(_ from: UnsafePointer<Float>, count: Int, pool: ThreadPool) -> UnsafePointer<UInt16> {
        if capacity < count || values == nil {
            values?.deallocate()
            values = .allocate(capacity: max(count, 1))
            capacity = max(count, 1)
        }
        guard let values else { preconditionFailure("no memory for a factor") }
        nonisolated(unsafe) let (from, to) = (from, values)
        let piece = 1 << 15
        pool.run((count + piece - 1) / piece) { part in
            od_round(from + part * piece, min(piece, count - part * piece), to + part * piece)
        }
        return UnsafePointer(values)
    }
}
