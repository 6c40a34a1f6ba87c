import Kernels
import Storage

extension ReferenceModel {
    /// Refuses logits or states, [rows][columns], that are not finite: every later stage would take them for numbers.
    /// - Parameter place: says where a row belongs.
    func check(
        _ values: UnsafePointer<Float>, _ what: String, rows: Int, columns: Int, place: (Int) -> String
    ) throws(TaperError) {
        guard !arithmetic.ops.magnitude(values, count: rows * columns).isFinite else { return }
        for row in 0..<rows {
            let magnitude = arithmetic.ops.magnitude(values + row * columns, count: columns)
            guard !magnitude.isFinite else { continue }
            throw TaperError(
                .badData, "the float model's \(what) are not finite", at: place(row), expected: "finite numbers",
                found: magnitude.isNaN ? "NaN" : "infinity",
                remedy: "The checkpoint's weights are damaged, or too large to compute with in single precision")
        }
    }

    func check(
        _ values: [Float], _ what: String, columns: Int, place: (Int) -> String
    ) throws(TaperError) {
        try values.withFloats { buffer throws(TaperError) in
            guard let base = buffer.baseAddress else { return }
            try check(base, what, rows: values.count / columns, columns: columns, place: place)
        }
    }
}
