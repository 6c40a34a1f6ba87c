internal import Bundle
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
    let answersAtOnce: Int
    /// Answers that may wait, beside those at work.
    let queueLength: Int

    init(path: String, options: ServerOptions, openedAt: Int) throws(TaperError) {
        var opening = LanguageModel.Options(threads: options.threads, contextLength: options.contextLength)
        opening.answersAtOnce = options.answersAtOnce
        opening.waitingLimit = options.queueLength
        opening.copiesFile = options.copiesFiles
        opening.locksMemory = options.locksMemory
        opening.cacheBits = options.cacheBits
        opening.readsWholeHead = options.readsWholeHead
        opening.verification = .init(rawValue: options.verification.rawValue) ?? .lazy
        let bundle: Bundle
        do throws(ModuleError) {
            bundle = try Bundle(path: path, copying: opening.copiesFile)
            report = try BundleReport(bundle)
            evidence = try BundleEvidence(bundle)
        } catch { throw TaperError(error) }
        model = try LanguageModel(bundle, options: opening)
        precision = try ServedModel.precision(options, model.facts)
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".taper"), name.count > 6 { name.removeLast(6) }
        self.name = name
        self.openedAt = openedAt
        answersAtOnce = options.answersAtOnce
        queueLength = options.queueLength
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
}

/// What the answers of a model were like, those that came to their end: `LanguageModel.Activity` does not tell.
struct AnswerCounts: Sendable {
    /// Answers by how they ended.
    var ends: [String: Int] = [:]
    var prefillSeconds = 0.0
    var decodeSeconds = 0.0
    /// Bytes of weights and cache that decoding read.
    var bytesRead = 0.0
    /// Decode steps by their precision.
    var steps: [Precision: Int] = [:]

    mutating func add(_ answer: Answer) {
        ends[answer.end.word, default: 0] += 1
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
