internal import Synchronization
internal import TaperConvert
internal import TaperRuntime

/// A bundle that the server answers with.
final class ServedModel: Sendable {
    /// What requests call it by: the file's name without its ending.
    let name: String
    let model: LanguageModel
    /// What was measured when it was made.
    let report: BundleReport
    let evidence: BundleEvidence
    /// Of answers whose request asks for none.
    let precision: PrecisionChoice
    /// Unix time at which the server opened it.
    let openedAt: Int
    let counts = Mutex(AnswerCounts())
    /// Answers at work and waiting, at most.
    let answerLimit: Int
    let answersAtOnce: Int
    private let answers = Atomic<Int>(0)

    init(path: String, options: ServerOptions, openedAt: Int) throws(TaperError) {
        var opening = LanguageModel.Options(threads: options.threads, contextLength: options.contextLength)
        opening.answersAtOnce = options.answersAtOnce
        opening.copiesFile = options.copiesFiles
        opening.locksMemory = options.locksMemory
        model = try LanguageModel(path: path, options: opening)
        report = try BundleReport(path: path)
        evidence = try translated { () throws(ModuleError) in try BundleEvidence(path: path) }
        precision = try ServedModel.precision(options, model.facts)
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".taper"), name.count > 6 { name.removeLast(6) }
        self.name = name
        self.openedAt = openedAt
        answersAtOnce = options.answersAtOnce
        answerLimit = answersAtOnce + options.queueLength
    }

    private static func precision(
        _ options: ServerOptions, _ facts: LanguageModel.Facts
    ) throws(TaperError) -> PrecisionChoice {
        if let bits = options.bits {
            guard let precision = facts.precisions.first(where: { $0.bits == bits }) else {
                throw TaperError(
                    .invalidArgument, "the bundle does not serve this precision", at: facts.path,
                    expected: "one of " + facts.precisionText, found: "\(bits)")
            }
            return .fixed(precision)
        }
        guard let schedule = options.schedule else { return .automatic }
        do throws(APIError) { return try PrecisionChoice(named: schedule, facts, place: "schedule") } catch {
            throw TaperError(.invalidArgument, error.message, at: facts.path)
        }
    }

    /// Answers at work and waiting.
    var answerCount: Int { answers.load(ordering: .relaxed) }

    /// Room for the answers of a request: for all of them or none.
    func admit(_ count: Int) throws(APIError) -> Admission {
        let before = answers.add(count, ordering: .relaxed).oldValue
        // A request that is alone may have more answers than fit; they follow each other.
        guard before == 0 || before + count <= answerLimit else {
            answers.subtract(count, ordering: .relaxed)
            counts.withLock { $0.refused += 1 }
            throw .busy("the queue is full: \(before) answers are at work or waiting")
        }
        return Admission(self, count)
    }

    /// Gives the room back with its last reference, however the request ends.
    final class Admission: Sendable {
        private let model: ServedModel
        private let count: Int

        fileprivate init(_ model: ServedModel, _ count: Int) {
            self.model = model
            self.count = count
        }

        deinit { model.answers.subtract(count, ordering: .relaxed) }
    }
}

/// What a model has done since the server started.
struct AnswerCounts: Sendable {
    /// Answers by how they ended.
    var ends: [String: Int] = [:]
    /// Requests that found the queue full.
    var refused = 0
    var promptTokens = 0
    var newTokens = 0
    var prefillSeconds = 0.0
    var decodeSeconds = 0.0
    /// Bytes of weights and cache that decoding read.
    var bytesRead = 0.0
    /// Decode steps by their precision.
    var steps: [Precision: Int] = [:]

    mutating func add(_ answer: Answer) {
        ends[answer.end.word, default: 0] += 1
        promptTokens += answer.promptTokenCount
        newTokens += answer.tokens.count
        prefillSeconds += answer.prefillSeconds
        decodeSeconds += answer.decodeSeconds
        bytesRead += answer.bytesPerToken * Double(answer.precisions.count)
        for precision in answer.precisions { steps[precision, default: 0] += 1 }
    }
}

extension Answer.End {
    var word: String {
        switch self {
        case .model: "model"
        case .stopText: "stop"
        case .length: "length"
        case .contextFull: "context_full"
        case .cancelled: "cancelled"
        }
    }

    /// OpenAI's `finish_reason`.
    var finishReason: String {
        switch self {
        case .model, .stopText: "stop"
        case .length, .contextFull, .cancelled: "length"
        }
    }
}
