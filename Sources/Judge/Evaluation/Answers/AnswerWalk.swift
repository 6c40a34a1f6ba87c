import Kernels
import Model
import Runtime
import Storage

/// Decode steps of several examples under many strategies: led along a text, all at the same step number, or written, where new
/// examples come in as places get free.
final class AnswerWalk {
    /// An example read at one precision.
    private struct Root {
        let slot: Int
        let branch: AnswerBranch
        let states: [Int: StrategyState]
        let prompt: ReadPrompt
        let promptCount: Int
        let comparison: PathComparison?
    }
    private let runner: TaskRunner
    private let memory: PromptMemory
    private var roots: [Root] = []
    private(set) var stepCount = 0
    private(set) var sharedStepCount = 0

    init(runner: TaskRunner, memory: PromptMemory) {
        self.runner = runner
        self.memory = memory
    }

    func add(
        slot: Int, example: Int, members: [Int], states: [Int: StrategyState], prompt: ReadPrompt,
        comparison: PathComparison?
    ) {
        let branch = AnswerBranch(example: example, sequence: prompt.sequence, members: members, tokens: [])
        var prompt = prompt
        // Roots stay until the walk ends, and logits are as long as the vocabulary.
        if comparison == nil { prompt.logits = [] }
        roots.append(
            Root(
                slot: slot, branch: branch, states: states, prompt: prompt, promptCount: prompt.sequence.position,
                comparison: comparison))
    }

    /// A branch at work: an answer, or a text that is followed.
    private final class Walker {
        let root: Int
        let branch: AnswerBranch
        /// What the last step made of it.
        var choice: (token: Int, probability: Double) = (0, 0)
        var divergence = PathDivergence()
        var isDone = false

        init(root: Int, branch: AnswerBranch) {
            self.root = root
            self.branch = branch
        }
    }

    private typealias Visit = (Walker, UnsafeBufferPointer<Float>) -> Void

    /// One decode step of all walkers: those whose strategies part are divided, and what goes on at the same precision
    /// goes through the weights together. Returns all walkers.
    private func advance(
        _ walkers: [Walker], states: [[Int: StrategyState]], visit: Visit
    ) throws(TaperError) -> [Walker] {
        try Interrupt.check("Nothing was written")
        var all: [Walker] = []
        var groups: [Precision: [Walker]] = [:]
        for walker in walkers {
            let step = walker.branch.bits.count
            let known = states[walker.root]
            let parts = try walker.branch.split(
                bits: { known[$0]?.bits(atStep: step) ?? 0 },
                makeSequence: { () throws(TaperError) -> DecodingSequence in try memory.makeSequence() })
            for (order, part) in parts.enumerated() {
                let next = order == 0 ? walker : Walker(root: walker.root, branch: part.branch)
                if order > 0 { next.divergence = walker.divergence }
                all.append(next)
                groups[part.bits, default: []].append(next)
            }
        }
        for bits in groups.keys.sorted() {
            let group = groups[bits] ?? []
            let vocabulary = runner.transformer.config.vocabularySize
            try runner.transformer.step(
                group.map { $0.branch.tokens[$0.branch.tokens.count - 1] }, group.map(\.branch.sequence), bits: bits
            ) { first, logits in
                // Every part has a walker of its own.
                runner.pool.run(logits.count / vocabulary) { row in
                    visit(
                        group[first + row],
                        UnsafeBufferPointer(rebasing: logits[row * vocabulary..<(row + 1) * vocabulary]))
                }
            }
            for walker in group {
                walker.branch.bits.append(bits)
                stepCount += 1
                sharedStepCount += walker.branch.members.count - 1
            }
        }
        return all
    }

    private func choose(_ logits: UnsafeBufferPointer<Float>, observed: Bool) -> (token: Int, probability: Double) {
        if observed { return RowChoice.best(Array(logits), runner.ops) }
        return (logits.baseAddress.map { runner.ops.argmax($0, count: logits.count) } ?? 0, 0)
    }

    /// Whether a strategy of the walker listens to probabilities.
    private func observes(_ walker: Walker, _ states: [[Int: StrategyState]]) -> Bool {
        walker.branch.members.contains { states[walker.root][$0]?.observes ?? false }
    }

    private func observe(_ walker: Walker, _ states: inout [[Int: StrategyState]]) {
        for member in walker.branch.members { states[walker.root][member]?.observe(walker.choice.probability) }
    }

    /// Leads all strategies along their examples' texts: divergences by slot and strategy. Rules that listen hear the
    /// probabilities of what they would have written. Afterwards the prompts stand as they were.
    func follow(
        step: () -> Void
    ) throws(TaperError) -> [(slot: Int, member: Int, divergence: PathDivergence, bits: [Precision])] {
        var states = roots.map(\.states)
        var walkers: [Walker] = []
        for (index, root) in roots.enumerated() {
            guard let comparison = root.comparison else { continue }
            let branch = AnswerBranch(
                example: root.branch.example, sequence: root.prompt.sequence, members: root.branch.members,
                tokens: [comparison.tokens.first ?? 0])
            let walker = Walker(root: index, branch: branch)
            comparison.prepare(0)
            root.prompt.logits.withUnsafeBufferPointer { walker.divergence.add(comparison.compare($0)) }
            walkers.append(walker)
        }
        var finished: [Walker] = []
        var position = 0
        while !walkers.isEmpty {
            finished += walkers.filter { position >= (roots[$0.root].comparison?.tokens.count ?? 0) }
            let live = walkers.filter { position < (roots[$0.root].comparison?.tokens.count ?? 0) }
            if live.isEmpty { break }
            position += 1
            for walker in live { roots[walker.root].comparison?.prepare(position) }
            let known = states
            walkers = try advance(live, states: states) { walker, logits in
                if observes(walker, known) { walker.choice = choose(logits, observed: true) }
                if let comparison = roots[walker.root].comparison { walker.divergence.add(comparison.compare(logits)) }
            }
            for walker in walkers {
                observe(walker, &states)
                if let tokens = roots[walker.root].comparison?.tokens, position < tokens.count {
                    walker.branch.tokens.append(tokens[position])
                }
            }
            step()
        }
        for root in roots { root.prompt.sequence.truncate(to: root.promptCount) }
        return finished.flatMap { walker in
            walker.branch.members.map { (roots[walker.root].slot, $0, walker.divergence, walker.branch.bits) }
        }
    }

    /// Writes all answers: by slot and strategy. A finished answer's sequence goes back to the memory.
    ///
    /// - Parameters:
    ///   - places: examples at work together.
    ///   - admit: adds roots of one more example; false when there is none.
    ///   - step: hears the work done so far, in examples.
    func write(
        limit: Int, stop: [Int], places: Int, admit: () throws(TaperError) -> Bool, step: (Double) -> Void
    ) throws(TaperError) -> [(slot: Int, member: Int, answer: TaskRunner.Answer)] {
        var states: [[Int: StrategyState]] = []
        var finished: [Walker] = []
        var walkers: [Walker] = []
        var mayAdmit = true
        func take(_ walker: Walker, _ token: Int) {
            if stop.contains(token) {
                walker.isDone = true
            } else {
                walker.branch.tokens.append(token)
                walker.isDone = walker.branch.tokens.count >= limit
            }
        }
        /// What has been added since the last step starts with the token that its prompt gave.
        func start() {
            for index in states.count..<roots.count {
                states.append(roots[index].states)
                let walker = Walker(root: index, branch: roots[index].branch)
                take(walker, roots[index].prompt.token)
                walkers.append(walker)
            }
        }
        func retire() {
            for walker in walkers where walker.isDone { memory.release(walker.branch.sequence) }
            finished += walkers.filter(\.isDone)
            walkers.removeAll(where: \.isDone)
        }
        func live() -> [Int: Int] {
            var tokens: [Int: Int] = [:]
            for walker in walkers {
                let slot = roots[walker.root].slot
                tokens[slot] = min(tokens[slot] ?? limit, walker.branch.tokens.count)
            }
            return tokens
        }
        while true {
            start()
            retire()
            while mayAdmit, live().count < places {
                mayAdmit = try admit()
                start()
                retire()
            }
            if walkers.isEmpty { break }
            let known = states
            walkers = try advance(walkers, states: states) { walker, logits in
                walker.choice = choose(logits, observed: observes(walker, known))
            }
            for walker in walkers {
                observe(walker, &states)
                take(walker, walker.choice.token)
            }
            let work = live()
            step(
                Double(Set(roots.map(\.slot)).count - work.count)
                    + work.values.reduce(0) { $0 + Double($1) / Double(limit) })
        }
        return finished.flatMap { walker in
            walker.branch.members.map {
                (
                    roots[walker.root].slot, $0,
                    TaskRunner.Answer(tokens: walker.branch.tokens, bits: walker.branch.bits)
                )
            }
        }
    }
}
