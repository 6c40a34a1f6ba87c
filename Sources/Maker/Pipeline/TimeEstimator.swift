/// Time left of work that consists of stages, from what each was expected to take and from what has passed.
///
/// Pure: the caller brings the clock. Expectations only weigh the stages against one another; how fast this machine is
/// today comes from the stages that are over and from the one that runs.
package struct TimeEstimator {
    /// A stage and the seconds it is expected to take.
    package struct Stage: Equatable, Sendable {
        package var name: String
        package var seconds: Double

        package init(_ name: String, _ seconds: Double) {
            self.name = name
            self.seconds = seconds
        }
    }

    /// Below this share of a stage its own pace is mixed with what was expected.
    private static let trustedFraction = 0.08
    /// Seconds that are believed to go as expected before anything is measured: of hours of work a few more, so that a short
    /// first stage says little about the rest.
    private let patience: Double

    private let stages: [Stage]
    /// First stage that is not over.
    private var next = 0
    private var current: (expected: Double?, start: Double)?
    private var fraction = 0.0
    /// Of stages that are over and had work to do.
    private var expectedDone = 0.0
    private var actualDone = 0.0

    package init(_ stages: [Stage] = []) {
        self.stages = stages
        patience = max(2, 0.0025 * stages.reduce(0) { $0 + $1.seconds })
    }

    package mutating func begin(_ name: String, at now: Double) {
        if current != nil { end(at: now) }
        var expected: Double?
        // Stages before it were left out.
        if let index = stages[next...].firstIndex(where: { $0.name == name }) {
            expected = stages[index].seconds
            next = index + 1
        }
        current = (expected, now)
        fraction = 0
    }

    /// - Parameter fraction: share of the stage's work that is done.
    package mutating func update(_ fraction: Double, at now: Double) { self.fraction = min(max(fraction, 0), 1) }

    package mutating func end(at now: Double) {
        // A stage that never reported progress found its output from an earlier run, which says nothing about speed.
        if let current, let expected = current.expected, fraction > 0 {
            expectedDone += expected
            actualDone += now - current.start
        }
        current = nil
    }

    /// Seconds left of the stage that runs, and of everything; nil where nothing is known.
    package func left(at now: Double) -> (stage: Double?, all: Double?) {
        let later = stages[next...].reduce(0) { $0 + $1.seconds }
        let pace = (actualDone + patience) / (expectedDone + patience)
        guard let current else { return (nil, stages.isEmpty ? nil : later * pace) }
        let elapsed = now - current.start
        guard let expected = current.expected else {
            let left = fraction > 0.02 ? elapsed / fraction - elapsed : nil
            return (left, nil)
        }
        let trust = min(1, fraction / Self.trustedFraction)
        let observed = fraction > 0 ? elapsed / fraction : 0
        var total = (1 - trust) * max(expected * pace, elapsed) + trust * observed
        total = max(total, elapsed)
        // What the stage shows about the pace counts for as much of it as is done.
        let seen = expected * fraction
        let paceNow =
            (actualDone + elapsed * trust + patience) / (expectedDone + seen * trust + patience)
        return (total - elapsed, total - elapsed + later * paceNow)
    }

    /// Share of everything that is done, by time.
    package func share(at now: Double, since start: Double) -> Double? {
        guard let left = left(at: now).all else { return nil }
        let passed = now - start
        return passed + left > 0 ? passed / (passed + left) : 1
    }
}
