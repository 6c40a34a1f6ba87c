import Model
import Runtime
import Storage
import Testing

@Suite struct CeilingPolicyTests {
    private let levels: [CeilingPolicy.Level] = [
        .init(bits: 2, byteCount: 200), .init(bits: 3, byteCount: 300), .init(bits: 4, byteCount: 400),
        .init(bits: 8, byteCount: 800),
    ]
    private func reading(_ limit: Int?, some: Double = 0, all: Double = 0) -> MemoryReading {
        MemoryReading(limit: limit, someStalled: some, allStalled: all)
    }

    @Test(arguments: [(nil, 8), (900, 8), (899, 4), (500, 4), (301, 2), (300, 2)] as [(Int?, Int)])
    func theHighestThatFitsIsWhereItBegins(limit: Int?, bits: Int) {
        let policy = CeilingPolicy(levels, limit: limit, others: 100)
        #expect(policy.allowed == Precision(bits: bits) && !policy.isShort)
    }

    @Test func lessThanTheLowestNeedsIsSaid() {
        #expect(CeilingPolicy(levels, limit: 299, others: 100).isShort)
        var policy = CeilingPolicy(levels, limit: 900, others: 100)
        #expect(policy.update(reading(10), others: 100, now: 0) == .lower(0))
        #expect(policy.isShort && policy.allowed == 2)
        #expect(policy.update(reading(10), others: 100, now: 1) == .stay)
    }

    @Test func itFallsAtOnceAndAsFarAsItTakes() {
        var policy = CeilingPolicy(levels, limit: nil, others: 100)
        #expect(policy.update(reading(450), others: 100, now: 0) == .lower(1))
        #expect(policy.allowed == 3)
    }

    /// A cache that grows takes what weights had.
    @Test func whatElseIsHeldCounts() {
        var policy = CeilingPolicy(levels, limit: 500, others: 100)
        #expect(policy.update(reading(500), others: 100, now: 0) == .stay)
        #expect(policy.update(reading(500), others: 101, now: 1) == .lower(1))
    }

    @Test func itRisesOneAtATimeAfterSomeLooksWithAMargin() {
        var policy = CeilingPolicy(levels, limit: 300, others: 100)
        for look in 0..<2 { #expect(policy.update(reading(5000), others: 100, now: Double(look)) == .stay) }
        #expect(policy.update(reading(5000), others: 100, now: 2) == .rise(1))
        // Until its weights are there, nothing has changed.
        #expect(policy.allowed == 2)
        #expect(policy.update(reading(5000), others: 100, now: 3) == .stay)
        policy.finishRising()
        #expect(policy.allowed == 3 && policy.rising == nil)
        // It fits, but not with a margin.
        for look in 4..<20 { #expect(policy.update(reading(511), others: 100, now: Double(look)) == .stay) }
        for look in 20..<22 { #expect(policy.update(reading(512), others: 100, now: Double(look)) == .stay) }
        #expect(policy.update(reading(512), others: 100, now: 22) == .rise(2))
    }

    @Test func aLimitThatGoesBackAndForthRaisesNothing() {
        var policy = CeilingPolicy(levels, limit: 400, others: 100)
        for look in 0..<50 {
            let limit = look % 3 == 2 ? 400 : 5000
            #expect(policy.update(reading(limit), others: 100, now: Double(look)) == .stay)
        }
    }

    @Test func whatFitsNoMoreIsNotRisenTo() {
        var policy = CeilingPolicy(levels, limit: 400, others: 100)
        for look in 0..<2 { _ = policy.update(reading(5000), others: 100, now: Double(look)) }
        #expect(policy.update(reading(5000), others: 100, now: 2) == .rise(2))
        #expect(policy.update(reading(450), others: 100, now: 3) == .abandon)
        #expect(policy.allowed == 3 && policy.rising == nil)
        for look in 4..<6 { _ = policy.update(reading(5000), others: 100, now: Double(look)) }
        #expect(policy.update(reading(5000), others: 100, now: 6) == .rise(2))
        #expect(policy.update(reading(300), others: 100, now: 7) == .lower(0))
        #expect(policy.rising == nil)
    }

    /// One at a time, since an average of ten seconds is slow to show what a fall has done.
    @Test func whoWaitsForMemoryLowersIt() {
        var policy = CeilingPolicy(levels, limit: nil, others: 0)
        #expect(policy.update(reading(nil, some: 30), others: 0, now: 0) == .lower(2))
        #expect(policy.update(reading(nil, some: 30), others: 0, now: 1) == .stay)
        #expect(policy.update(reading(nil, all: 6), others: 0, now: 2) == .lower(1))
        // Nobody has to wait any more; it rises when that has lasted.
        for now in 3..<12 { #expect(policy.update(reading(nil), others: 0, now: Double(now)) == .stay) }
        #expect(policy.update(reading(nil), others: 0, now: 12) == .stay)
        #expect(policy.update(reading(nil), others: 0, now: 13) == .stay)
        #expect(policy.update(reading(nil), others: 0, now: 14) == .rise(2))
        #expect(policy.update(reading(nil, some: 30), others: 0, now: 15) == .lower(0))
    }

    @Test func someWaitingKeepsItWhereItIs() {
        var policy = CeilingPolicy(levels, limit: 400, others: 100)
        for look in 0..<20 { #expect(policy.update(reading(nil, some: 5), others: 100, now: Double(look)) == .stay) }
    }
}
