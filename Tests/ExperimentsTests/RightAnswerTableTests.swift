import Experiments
import Scoring
import Testing

@Suite struct RightAnswerTableTests {
    private func result(
        _ label: String, _ kind: ExperimentMethod.Kind, rights: [Double], seconds: Double, bytes: Double
    ) -> MethodResult {
        var result = MethodResult(label: label, kind: kind, metrics: [.rougeL, .exactNumber])
        for right in rights {
            result.scores[0].append(MetricTally(score: 0.5))
            result.scores[1].append(MetricTally(score: right))
        }
        result.costs = rights.map { _ in AnswerCost(seconds: seconds, bytes: bytes) }
        return result
    }

    /// Few bits are quick and never right; the rest is compared with what needs least, in time and in bytes.
    @Test func comparesWithTheConstantThatNeedsLeast() throws {
        let rights: [Double] = (0..<30).map { $0 % 3 == 0 ? 0 : 1 }
        let half: [Double] = (0..<30).map { $0 % 2 == 0 ? 1 : 0 }
        let full = MethodResult(label: "full precision", kind: .full, metrics: [.rougeL, .exactNumber])
        let table = RightAnswerTable(
            [
                full, result("4 bits", .constant, rights: rights, seconds: 4, bytes: 4e6),
                result("3 bits", .constant, rights: half, seconds: 2.9, bytes: 3.1e6),
                result("2 bits", .constant, rights: half.map { _ in 0 }, seconds: 1, bytes: 1e6),
                result("drafted", .speculation, rights: rights, seconds: 2, bytes: 2e6),
                result("dear", .fixed, rights: rights, seconds: 8, bytes: 4e6),
            ], metric: 1)
        #expect(table.rows[0] == nil)
        // 4 / (2/3) = 6 s and MB; 2.9 / (1/2) = 5.8 s, 6.2 MB.
        #expect(table.fastest == 2 && table.leanest == 1)
        let (high, never) = (try #require(table.rows[1]), try #require(table.rows[3]))
        #expect(abs(try #require(high.seconds).value - 6) < 1e-12 && high.bytesOverBest == nil)
        #expect(abs(try #require(high.secondsOverBest).value - 6 / 5.8) < 1e-12)
        #expect(never.seconds?.value == .infinity && never.secondsOverBest?.verdict == .worse)
        let drafted = try #require(table.rows[4]?.bytesOverBest)
        #expect(abs(drafted.value - 0.5) < 1e-12 && drafted.verdict == .better)
        #expect(table.rows[5]?.secondsOverBest?.verdict == .worse)
        // Same answers, same bytes.
        #expect(table.rows[5]?.bytesOverBest?.verdict == .open)
    }

    @Test func withoutRightConstantsNothingIsCompared() {
        let table = RightAnswerTable(
            [
                result("4 bits", .constant, rights: [0, 0], seconds: 4, bytes: 4),
                result("schedule", .fixed, rights: [1, 0], seconds: 4, bytes: 4),
            ], metric: 1)
        #expect(table.fastest == nil && table.rows[1]?.secondsOverBest == nil && table.rows[1]?.seconds?.value == 8)
    }
}
