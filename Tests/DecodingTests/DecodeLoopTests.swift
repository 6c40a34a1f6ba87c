import Decoding
import Model
import Storage
import Testing

/// Room in a batch, ends, and errors, on a model that only counts: the likeliest token after t is t + 1.
@Suite struct DecodeLoopTests {
    private final class Counter: StepExecutor {
        final class Sequence: ExecutorSequence {
            var position: Int
            let capacity: Int
            init(position: Int = 0, capacity: Int = 100) { (self.position, self.capacity) = (position, capacity) }
            func truncate(to count: Int) { position = count }
        }
        let vocabularySize = 50
        /// Thrown by the next call.
        var nextError: TaperError?

        func check(_ tokens: [Int], continuing sequence: Sequence) throws(TaperError) {
            guard !tokens.isEmpty, tokens.count <= sequence.capacity - sequence.position else {
                throw TaperError(.badData, "does not fit", at: "test")
            }
        }

        func run(
            _ rows: Rows<Sequence>, bits: Precision, each: ([LogitRow]) -> Void
        ) throws(TaperError) -> [ChunkFailure] {
            for chunk in rows.chunks {
                try check(Array(rows.tokens[chunk.range]), continuing: chunk.sequence)
                chunk.sequence.position += chunk.range.count
            }
            if let error = nextError {
                nextError = nil
                throw error
            }
            for (index, chunk) in rows.chunks.enumerated() where chunk.wanted != .none {
                var logits = [Float](repeating: 0, count: vocabularySize)
                logits[(rows.tokens[chunk.range.upperBound - 1] + 1) % vocabularySize] = 1
                logits.withUnsafeMutableBufferPointer {
                    each([LogitRow(chunk: index, token: chunk.range.count - 1, logits: $0)])
                }
            }
            return []
        }

        func inParallel(_ count: Int, _ body: (Int) -> Void) { for index in 0..<count { body(index) } }
    }

    private struct Plan: DecodePlan {
        typealias Executor = Counter
        var sampler = Decoding.Sampler(.greedy)
        var prefillBits: Precision = 4
        func bits(atStep step: Int) -> Precision { prefillBits }
    }

    private func generation(
        _ prompt: [Int] = [1], limit: Int = 3, stop: [Int] = [], cost: Int = 1, bits: Precision = 4,
        _ sequence: Counter.Sequence = Counter.Sequence()
    ) -> Generation<Plan> {
        Generation(
            sequence, plan: Plan(prefillBits: bits), prompt: prompt, limit: limit, stopTokens: stop, cost: cost)
    }

    private func finish(_ generation: Generation<Plan>, logits: [Float] = []) throws -> Generation<Plan> {
        let batch = DecodeBatch<Plan>(Counter())
        try batch.admit(generation, logits: logits)
        while !batch.isEmpty { try batch.tick() }
        return generation
    }

    @Test func endsAreTheFirstThatApply() throws {
        let counted = try finish(generation([7, 8]))
        #expect(counted.tokens == [9, 10, 11] && counted.stopReason == .length && counted.bitsPerStep.count == 2)
        #expect(counted.promptEnd == 2 && counted.sequence.position == 4)
        // A stop token right after the prompt.
        let stopped = try finish(generation([7, 8], stop: [9]))
        #expect(stopped.tokens.isEmpty && stopped.stopReason == .endOfSequence && stopped.bitsPerStep.isEmpty)
        // A prompt as long as the context leaves room for one token, which needs no position.
        let full = try finish(generation([7, 8], Counter.Sequence(capacity: 2)))
        #expect(full.tokens == [9] && full.stopReason == .contextFull)
        let exact = try finish(generation([7, 8], limit: 1, Counter.Sequence(capacity: 2)))
        #expect(exact.tokens == [9] && exact.stopReason == .length)
        // The same of a prompt that has been read.
        var logits = [Float](repeating: 0, count: 50)
        logits[20] = 1
        let known = try finish(generation([7, 8], Counter.Sequence(position: 2, capacity: 2)), logits: logits)
        #expect(known.tokens == [20] && known.stopReason == .contextFull && known.promptEnd == 2)
        #expect(try finish(generation([7, 8], limit: 0)).stopReason == .length)
        for prompt in [[], [1, 2, 3]] {
            #expect(throws: TaperError(.badData, "")) {
                try finish(generation(prompt, Counter.Sequence(capacity: 2)))
            }
        }
    }

    /// First come, first served, within places and capacity; what alone is larger than the capacity begins alone.
    @Test func whoFindsNoRoomWaits() throws {
        let batch = DecodeBatch<Plan>(Counter(), places: 3, capacity: 10)
        #expect(batch.hasRoom(cost: 99))
        let all = [6, 4, 1, 11, 2].map { generation(cost: $0) }
        for (index, generation) in all.enumerated() {
            #expect(batch.hasRoom(cost: generation.cost) == (index < 2), "generation \(index)")
            try batch.admit(generation)
        }
        /// Who was at work in every tick.
        var atWork: [[Int]] = []
        while !batch.isEmpty {
            atWork.append([])
            try batch.tick { generation in
                atWork[atWork.count - 1] += all.indices.filter { all[$0] === generation }
                return true
            }
        }
        #expect(atWork == [[0, 1], [0, 1], [0, 1], [2], [2], [2], [3], [3], [3], [4], [4], [4]])
        #expect(all.allSatisfy { $0.tokens == [2, 3, 4] })
    }

    /// Many long prompts together keep the others waiting no longer than one does.
    @Test func promptsShareWhatATickReads() throws {
        let model = Counter()
        let batch = DecodeBatch<Plan>(model, prefillChunk: 4, prefillBudget: 5)
        let writing = generation([1], limit: 9)
        try batch.admit(writing)
        try batch.tick()
        // Of two precisions: the budget is one for all.
        let prompts = [6, 3, 7].map { generation(Array(1...$0), limit: 1, bits: $0 == 3 ? 2 : 4) }
        for prompt in prompts { try batch.admit(prompt) }
        var read: [[Int]] = []
        while !prompts.allSatisfy({ $0.stopReason != nil }) {
            try batch.tick()
            read.append(prompts.map(\.readCount))
        }
        #expect(read == [[4, 1, 0], [6, 3, 1], [6, 3, 5], [6, 3, 7]])
        #expect(prompts.map(\.tokens) == [[7], [4], [8]] && writing.tokens == [2, 3, 4, 5, 6])
    }

    @Test func aTwinTakesPartOfTheRoom() throws {
        let batch = DecodeBatch<Plan>(Counter(), capacity: 10)
        let whole = generation(cost: 10)
        try batch.admit(whole)
        try batch.tick()
        let twin = Generation(
            forking: whole, into: Counter.Sequence(position: whole.sequence.position), plan: Plan(), cost: 4)
        batch.admit(twin: twin)
        #expect(whole.cost == 6 && twin.cost == 4 && !batch.hasRoom())
        batch.cancel(whole)
        #expect(batch.hasRoom(cost: 6) && !batch.hasRoom(cost: 7))
        while !batch.isEmpty { try batch.tick() }
        #expect(twin.tokens == [2, 3, 4] && whole.tokens == [2])
    }

    /// An interrupt leaves nothing at work that is not where its sequence is; an error befalls those of the call.
    @Test(arguments: [TaperError.Code.interrupted, .badData])
    func whoseCallWasNotRunHasEnded(code: TaperError.Code) throws {
        let model = Counter()
        let batch = DecodeBatch<Plan>(model, places: 2)
        let (low, high, later) = (generation(bits: 2), generation(bits: 6), generation(bits: 4))
        for generation in [low, high, later] { try batch.admit(generation) }
        try batch.tick()
        model.nextError = TaperError(code, "stopped")
        if code == .interrupted {
            #expect(throws: TaperError(.interrupted, "")) { try batch.tick() }
        } else {
            try batch.tick()
        }
        for generation in [low, high] {
            #expect(generation.stopReason == .failed && generation.failure?.code == code && generation.tokens == [2])
        }
        #expect(batch.live.isEmpty && !batch.isEmpty)
        while !batch.isEmpty { try batch.tick() }
        #expect(later.tokens == [2, 3, 4] && later.failure == nil && later.sequence.position == 3)
    }
}
