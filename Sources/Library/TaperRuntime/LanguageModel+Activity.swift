internal import Synchronization

extension LanguageModel {
    /// What a model is doing, and what it has done since it was opened.
    public struct Activity: Hashable, Sendable {
        /// Answers at work.
        public internal(set) var answering = 0
        /// Requests that wait for their turn.
        public internal(set) var waiting = 0
        /// Answers that have ended: by themselves, cancelled, or failed.
        public internal(set) var ended = 0
        /// Requests that were refused because too many were waiting.
        public internal(set) var refused = 0
        /// Tokens of prompts that were read.
        public internal(set) var promptTokens = 0
        /// Tokens of prompts that had been read before.
        public internal(set) var reusedPromptTokens = 0
        /// Tokens that were written.
        public internal(set) var newTokens = 0
        /// Positions kept of ended answers, for prompts that begin alike.
        public internal(set) var cachedTokens = 0
    }

    /// What the model is doing now; up to date to a token.
    public var activity: Activity { worker.tally.activity }
}

/// A model's requests, counted: any thread may ask.
final class Tally: Sendable {
    private struct State {
        var activity = LanguageModel.Activity()
        /// At work or waiting.
        var present = 0
    }
    private let state = Mutex(State())
    private let presentLimit: Int

    /// - Parameter waitingLimit: beside those at work; nil for no limit.
    init(answersAtOnce: Int, waitingLimit: Int?) {
        let (limit, overflows) = answersAtOnce.addingReportingOverflow(waitingLimit ?? Int.max)
        presentLimit = overflows ? Int.max : limit
    }

    var activity: LanguageModel.Activity {
        state.withLock {
            var activity = $0.activity
            activity.waiting = $0.present - activity.answering
            return activity
        }
    }

    /// Lets requests in that belong together: all, or none where there are too many. Who is alone gets in with any number.
    func enter(_ count: Int) -> Bool {
        state.withLock {
            guard $0.present == 0 || count <= presentLimit - $0.present else {
                $0.activity.refused += count
                return false
            }
            $0.present += count
            return true
        }
    }

    /// A request has got its place.
    func begin(reusedPromptTokens: Int) {
        state.withLock {
            $0.activity.answering += 1
            $0.activity.reusedPromptTokens += reusedPromptTokens
        }
    }

    /// A request is done with.
    /// - Parameter began: whether it had a place.
    func leave(began: Bool) {
        state.withLock {
            $0.present -= 1
            $0.activity.ended += 1
            if began { $0.activity.answering -= 1 }
        }
    }

    /// What a tick has done.
    func add(promptTokens: Int, newTokens: Int) {
        state.withLock {
            $0.activity.promptTokens += promptTokens
            $0.activity.newTokens += newTokens
        }
    }

    func set(cachedTokens: Int) { state.withLock { $0.activity.cachedTokens = cachedTokens } }
}
