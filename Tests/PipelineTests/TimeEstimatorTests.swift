import Pipeline
import Testing

/// Simulated clocks: stages take other times than was expected, and report progress unevenly.
@Suite struct TimeEstimatorTests {
    private struct Random {
        var state: UInt64
        mutating func uniform(_ range: ClosedRange<Double>) -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return range.lowerBound + Double(state >> 11) / Double(1 << 53) * (range.upperBound - range.lowerBound)
        }
    }

    /// Seconds each stage was expected to take, and takes.
    private struct Simulation {
        var stages: [(name: String, expected: Double, actual: Double)]
        var total: Double { stages.reduce(0) { $0 + $1.actual } }

        /// Calls `check` at every step with the seconds really left and those estimated, of the stage and of all.
        func run(
            jitter: inout Random,
            check: (_ share: Double, _ inStage: Double, _ left: (Double, Double), (Double?, Double?)) -> Void
        ) {
            var estimator = TimeEstimator(stages.map { .init($0.name, $0.expected) })
            var now = 100.0
            let end = now + total
            for stage in stages {
                estimator.begin(stage.name, at: now)
                let (start, steps) = (now, 40)
                for step in 1...steps {
                    // Pieces of work take 20% more or less than they should.
                    let exact = Double(step) / Double(steps)
                    let noise = step == steps ? 0 : jitter.uniform(-0.2...0.2) / Double(steps)
                    now = start + stage.actual * (exact + noise)
                    estimator.update(exact, at: now)
                    let found = estimator.left(at: now)
                    check(
                        (now - 100) / (end - 100), exact, (start + stage.actual - now, end - now),
                        (found.stage, found.all))
                }
                now = start + stage.actual
                estimator.end(at: now)
            }
        }
    }

    private static let plan: [(String, Double)] = [
        ("write own text", 60), ("arrange", 5), ("weigh positions", 40), ("quantize jointly", 200), ("quantize", 50),
        ("tune", 150), ("pack", 5), ("quality", 60),
    ]

    /// A machine of any speed: within a third from the first tenth of a stage, and of everything from the first tenth of all.
    @Test(arguments: [0.1, 0.5, 1, 3, 10]) func leftIsRightWithinAThirdOnAMachineOfAnotherSpeed(_ speed: Double) {
        var random = Random(state: 1)
        let simulation = Simulation(stages: Self.plan.map { ($0.0, $0.1, $0.1 * speed) })
        var count = 0
        simulation.run(jitter: &random) { share, inStage, left, found in
            if inStage >= 0.1, inStage <= 0.9, let stage = found.0 {
                #expect(abs(stage - left.0) <= left.0 / 3, "stage at \(inStage): \(stage), really \(left.0)")
            }
            if share >= 0.1, share < 0.97, let all = found.1 {
                count += 1
                #expect(abs(all - left.1) <= left.1 / 3, "all at \(share): \(all), really \(left.1)")
            }
        }
        #expect(count > 200)
    }

    /// Expectations that are wrong by up to a fifth for each stage by itself, on a machine half as fast.
    @Test(arguments: 1...8) func leftIsRightWithinAThirdWithExpectationsThatAreSomewhatWrong(_ seed: UInt64) {
        var random = Random(state: seed)
        let simulation = Simulation(stages: Self.plan.map { ($0.0, $0.1, $0.1 * 2 * random.uniform(0.83...1.2)) })
        var (right, all) = (0, 0)
        simulation.run(jitter: &random) { share, _, left, found in
            guard share >= 0.1, share < 0.97, let estimate = found.1 else { return }
            all += 1
            if abs(estimate - left.1) <= left.1 / 3 { right += 1 }
        }
        #expect(Double(right) >= 0.95 * Double(all), "\(right) of \(all)")
    }

    @Test func estimatesNeverFallBelowNothing() {
        var estimator = TimeEstimator([.init("a", 1), .init("b", 1)])
        estimator.begin("a", at: 0)
        for (fraction, now) in [(0.0, 0.0), (0, 50), (0.001, 60), (0.5, 60), (1, 61)] {
            estimator.update(fraction, at: now)
            let left = estimator.left(at: now)
            #expect(left.stage ?? -1 >= 0 && left.all ?? -1 >= left.stage ?? 0)
        }
    }

    @Test func whatIsReusedSaysNothingAboutSpeed() throws {
        var estimator = TimeEstimator([.init("a", 1000), .init("b", 100), .init("c", 100)])
        estimator.begin("a", at: 0)
        estimator.end(at: 0.01)
        estimator.begin("b", at: 0.01)
        #expect(abs(try #require(estimator.left(at: 0.01).all) - 200) < 1)
        // A stage that was left out is over, too.
        estimator.begin("c", at: 1)
        #expect(abs(try #require(estimator.left(at: 1).all) - 100) < 1)
    }

    @Test func aStageThatNobodyExpectedIsEstimatedByItself() throws {
        var estimator = TimeEstimator()
        estimator.begin("rungs", at: 0)
        #expect(estimator.left(at: 1).stage == nil)
        estimator.update(0.25, at: 10)
        #expect(abs(try #require(estimator.left(at: 10).stage) - 30) < 1e-9)
        #expect(estimator.left(at: 10).all == nil)
    }
}
