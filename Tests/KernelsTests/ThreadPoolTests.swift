import Kernels
import Storage
import Testing

@Suite struct ThreadPoolTests {
    @Test(arguments: 1...5)
    func everyPartRunsExactlyOnce(threads: Int) {
        let pool = ThreadPool(threadCount: threads, instructionSet: .scalar)
        #expect(pool.threadCount == threads)
        var random = TestRandom(threads)
        let counts = UnsafeMutablePointer<Int>.allocate(capacity: 64 * 8)
        defer { counts.deallocate() }
        var wrong = 0
        for round in 0..<5000 {
            let parts = random.int(0...64)
            counts.initialize(repeating: 0, count: 64 * 8)
            // A cache line each; parts of uneven length.
            pool.run(parts) { part in
                for _ in 0...(part * round % 50) { counts[part * 8 + 1] &+= 1 }
                counts[part * 8] += 1
            }
            for part in 0..<64 where counts[part * 8] != (part < parts ? 1 : 0) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    /// Two jobs in one pool would take each other's parts.
    @Test func aSecondJobStops() async {
        await #expect(processExitsWith: .failure) {
            let pool = ThreadPool(threadCount: 2, instructionSet: .scalar)
            pool.run(4) { _ in pool.run(4) { _ in } }
        }
    }

    @Test func poolsComeAndGoAndWakeFromSleep() {
        for round in 0..<60 {
            let pool = ThreadPool(threadCount: 1 + round % 4, instructionSet: .scalar)
            let sums = UnsafeMutablePointer<Int>.allocate(capacity: 8)
            defer { sums.deallocate() }
            var digest = 0.0
            for run in 0..<6 {
                sums.initialize(repeating: 0, count: 8)
                pool.run(8) { part in sums[part] = part + run }
                #expect((0..<8).allSatisfy { sums[$0] == $0 + run })
                // Long enough, now and then, for the workers to go to sleep.
                if run % 3 == 0 { for i in 0..<100_000 { digest += Double(i).squareRoot() } }
            }
            #expect(digest > 0)
        }
    }

    @Test func absurdThreadCountsAreBroughtIntoRange() {
        #expect(ThreadPool(threadCount: 0, instructionSet: .scalar).threadCount == 1)
        #expect(ThreadPool(threadCount: -7, instructionSet: .scalar).threadCount == 1)
    }
}

@Suite struct InstructionSetTests {
    @Test func theBestIsTheDefault() throws {
        #expect(try InstructionSet.select(override: nil) == InstructionSet.best)
        #expect(try InstructionSet.select(override: "") == InstructionSet.best)
        #expect(InstructionSet.available.last == InstructionSet.best)
        #expect(InstructionSet.available.first == .scalar)
    }

    @Test func anOverrideNamesASetThisMachineHas() throws {
        for set in InstructionSet.allCases {
            if InstructionSet.available.contains(set) {
                #expect(try InstructionSet.select(override: set.name) == set)
            } else {
                #expect(throws: TaperError.self) { try InstructionSet.select(override: set.name) }
            }
        }
        for name in ["sse", "AVX2", "avx2 ", "avx512vnni"] {
            #expect(throws: TaperError(.usage, "")) { try InstructionSet.select(override: name) }
        }
    }
}
