import Bundle
import Evaluation
import Model
import Storage

/// Rungs, and how many tensors each reads at which precision.
enum RungReport {
    static func lines(_ rungs: [Rung], _ tensors: [TensorPlan]) -> [String] {
        let precisions = Set(rungs.flatMap(\.bits)).sorted()
        var table = TextTable(
            ["rung", "average bits", "linear layers", "predicted KL"] + precisions.map { "at \($0) bits" })
        for rung in rungs.reversed() {
            let bytes = zip(tensors, rung.bits).reduce(0) { $0 + $1.0.bytesRead(bits: $1.1) }
            func number(_ key: String, _ digits: Int) -> String {
                rung.evidence[key]?.double.map { fixed($0, digits) } ?? "-"
            }
            table.add(
                [
                    rung.precision.text, number("average_bits", 3), byteText(bytes), number("predicted_divergence", 4),
                ] + precisions.map { bits in String(rung.bits.count { $0 == bits }) })
        }
        return table.lines()
    }
}
