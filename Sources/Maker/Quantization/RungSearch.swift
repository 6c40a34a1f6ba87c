public import Bundle
public import Model
import Storage

/// Finds mixed allocations of least predicted divergence: whole bits for every tensor whose weights have a given average.
///
/// Divergences of single tensors add up (their errors are unrelated), so the least sum under a budget of bytes follows from
/// each tensor's lower convex hull of divergence over bytes: from the highest precision down, the next step is always the one
/// that costs the least divergence per byte saved (Shoham and Gersho 1988). One walk passes all averages, so going down
/// the ladder no tensor gains bits.
public struct RungSearch {
    private let tensors: [TensorSensitivity]
    /// Divergences that do not fall as bits fall: an estimate's noise must not make fewer bits look better.
    private let costs: [[Double]]

    public init(_ tensors: [TensorSensitivity]) {
        self.tensors = tensors
        costs = tensors.map { tensor in
            var costs = tensor.divergences
            for index in costs.indices.dropLast().reversed() { costs[index] = max(costs[index], costs[index + 1]) }
            return costs
        }
    }

    /// An allocation: bits of every tensor in order, their average over weights, and the sum of predicted divergences.
    public struct Allocation: Sendable {
        public let bits: [Int]
        public let averageBits: Double
        public let divergence: Double
    }

    /// Allocations of at most these average bits, as close as a step of one tensor allows; targets outside the precisions
    /// give the nearest uniform one.
    public func run(_ averages: [Double]) -> [Allocation] {
        var levels = tensors.map { $0.bits.count - 1 }
        let total = Double(tensors.reduce(0) { $0 + $1.weightCount })
        var weightedBits = zip(tensors, levels).reduce(0) { $0 + $1.0.weightCount * $1.0.bits[$1.1] }
        var steps = tensors.indices.map { next($0, levels[$0]) }
        var found: [Int: Allocation] = [:]
        for target in averages.indices.sorted(by: { averages[$0] > averages[$1] }) {
            while Double(weightedBits) > averages[target] * total + 1e-6 {
                // A step that would pass the target by more than a rung's name allows waits until no smaller one is left.
                let floor = (averages[target] - 0.04) * total
                let best =
                    leastSlope(steps) { index, level in
                        let tensor = tensors[index]
                        let saved = tensor.weightCount * (tensor.bits[levels[index]] - tensor.bits[level])
                        return Double(weightedBits - saved) >= floor
                    } ?? leastSlope(steps) { _, _ in true }
                guard let best, let step = steps[best] else { break }
                let tensor = tensors[best]
                weightedBits -= tensor.weightCount * (tensor.bits[levels[best]] - tensor.bits[step.level])
                levels[best] = step.level
                steps[best] = next(best, step.level)
            }
            found[target] = Allocation(
                bits: zip(tensors, levels).map { $0.bits[$1] }, averageBits: Double(weightedBits) / total,
                divergence: zip(costs, levels).reduce(0) { $0 + $1.0[$1.1] })
        }
        return averages.indices.compactMap { found[$0] }
    }

    /// The tensor with the cheapest step among those that `fits`; the first of equal slopes, so that the result depends on
    /// nothing but the numbers.
    private func leastSlope(_ steps: [(level: Int, slope: Double)?], fits: (Int, Int) -> Bool) -> Int? {
        var best: (index: Int, slope: Double)?
        for (index, step) in steps.enumerated() {
            guard let step, fits(index, step.level) else { continue }
            if let known = best, known.slope <= step.slope { continue }
            best = (index, step.slope)
        }
        return best?.index
    }

    /// The step down along the convex hull: the level with the least growth of divergence per byte saved, the furthest of
    /// equal ones; nil at the lowest.
    private func next(_ tensor: Int, _ level: Int) -> (level: Int, slope: Double)? {
        var best: (level: Int, slope: Double)?
        for lower in 0..<level {
            let saved = Double(tensors[tensor].byteCounts[level] - tensors[tensor].byteCounts[lower])
            let slope = (costs[tensor][lower] - costs[tensor][level]) / max(saved, 1)
            if let known = best, known.slope <= slope { continue }
            best = (lower, slope)
        }
        return best
    }
}

extension RungSearch {
    /// Rungs of these averages that keep the format's rules, ascending; and of those left out, why.
    ///
    /// A rung is named by the average asked for where its own is within the tolerance of the format, else by its own.
    public func rungs(_ averages: [Precision], _ manifest: Manifest) -> (rungs: [Rung], problems: [String]) {
        var rungs: [Rung] = []
        var problems: [String] = []
        let wanted = Set(averages).sorted()
        for (name, allocation) in zip(wanted, run(wanted.map(\.bits))) {
            let own = Precision(hundredths: Int((allocation.averageBits * 100).rounded()))
            let rung = Rung(
                precision: abs(own.hundredths - name.hundredths) < 5 ? name : own, bits: allocation.bits,
                evidence: .object([
                    .init("average_bits", .number(round6(allocation.averageBits))),
                    .init("predicted_divergence", .number(round6(allocation.divergence))),
                ]))
            do throws(TaperError) {
                try Rung.check(rungs + [rung], manifest, place: "rung of \(name) bits")
                rungs.append(rung)
            } catch {
                problems.append(error.message)
            }
        }
        return (rungs, problems)
    }
}
