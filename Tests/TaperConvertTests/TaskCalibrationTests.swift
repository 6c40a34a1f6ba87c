import Scoring
import TaperConvert
import Testing

@Suite struct TaskCalibrationTests {
    @Test func metricsAreThoseThatTasksCanBeCalibratedBy() {
        #expect(
            TaskCalibration.Metric.allCases.map(\.rawValue)
                == TaskMetric.allCases.filter(\.isForCalibration).map(\.rawValue))
    }
}
