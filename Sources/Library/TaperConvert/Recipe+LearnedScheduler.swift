internal import Model
internal import Pipeline
internal import Storage
internal import TaperRuntime

extension Recipe {
    /// A scheduler that chooses the precisions of every answer once its prompt has been read, trained on passages of a text.
    ///
    /// Answers choose it as `PrecisionChoice.learned` of `TaperRuntime`.
    public struct LearnedScheduler: Hashable, Sendable {
        /// Path of plain text or JSONL.
        public var text: String
        /// To step down through, from high to low: two or more of the recipe's.
        public var precisions: [Int]
        /// Passages that it is trained on, 10 to 100000.
        public var prompts = 256
        /// Tokens of an answer, 1 to 65536.
        public var maxTokens = 64
        /// What its choices may cost on average, of likeness to the answers of the checkpoint (ROUGE-L, 0 to 1).
        public var tolerance = 0.01

        public init(text: String, precisions: [Int]) {
            self.text = text
            self.precisions = precisions
        }

        func settings() throws(ModuleError) -> Pipeline.Recipe.Learned {
            guard precisions.count >= 2, zip(precisions, precisions.dropFirst()).allSatisfy({ $0 > $1 }) else {
                throw ModuleError(
                    .usage, "a learned scheduler steps down between precisions", at: "learnedScheduler.precisions",
                    expected: "two or more, falling", found: precisions.map(String.init).joined(separator: ", "))
            }
            func check<Value: Comparable>(
                _ value: Value, _ range: ClosedRange<Value>, _ name: String
            ) throws(ModuleError) {
                guard !range.contains(value) else { return }
                throw ModuleError(
                    .usage, "an impossible setting of the learned scheduler", at: "learnedScheduler." + name,
                    expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
            }
            try check(prompts, 10...100_000, "prompts")
            try check(maxTokens, 1...65536, "maxTokens")
            try check(tolerance, 0...1, "tolerance")
            return .init(
                textPath: text, precisions: precisions, prompts: prompts, maxNewTokens: maxTokens,
                tolerance: tolerance)
        }
    }

    /// A precision between two others, in hundredths of a bit.
    static func rung(_ bits: Double) throws(ModuleError) -> Model.Precision {
        guard bits >= 2, bits <= 8, let precision = Model.Precision(json: .number(bits)) else {
            throw ModuleError(
                .usage, "no average of bits", at: "averageBits", expected: "between two precisions, in hundredths",
                found: shortest(bits))
        }
        return precision
    }
}
