internal import Storage
internal import Synchronization
internal import TaperRuntime

/// Counters in the text form that Prometheus reads.
struct MetricsText {
    private(set) var text = ""

    init(_ state: ServerState) {
        family("taper_requests_total", "counter", "Requests by path and status.")
        for (key, count) in state.requests.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            sample("taper_requests_total", [("path", key.path), ("status", String(key.status))], Double(count))
        }
        let models = state.models.map {
            (name: $0.name, counts: $0.counts.withLock { $0 }, activity: $0.model.activity)
        }
        func each(_ name: String, _ kind: String, _ help: String, _ value: (AnswerCounts) -> Double) {
            family(name, kind, help)
            for model in models { sample(name, [("model", model.name)], value(model.counts)) }
        }
        func each(_ name: String, _ kind: String, _ help: String, _ value: (LanguageModel.Activity) -> Int) {
            family(name, kind, help)
            for model in models { sample(name, [("model", model.name)], Double(value(model.activity))) }
        }
        family("taper_answers_total", "counter", "Answers by how they ended.")
        for model in models {
            for (end, count) in model.counts.ends.sorted(by: { $0.key < $1.key }) {
                sample("taper_answers_total", [("model", model.name), ("end", end)], Double(count))
            }
        }
        each("taper_refused_total", "counter", "Answers that found the queue full.") { $0.refused }
        each("taper_answers_open", "gauge", "Answers that have a place or wait for one.") { $0.answering + $0.waiting }
        each("taper_answers_at_work", "gauge", "Answers that have a place.") { $0.answering }
        each("taper_answers_waiting", "gauge", "Answers that wait for their turn.") { $0.waiting }
        each("taper_prompt_tokens_total", "counter", "Tokens of prompts that were read.") { $0.promptTokens }
        each("taper_reused_prompt_tokens_total", "counter", "Tokens of prompts that had been read before.") {
            $0.reusedPromptTokens
        }
        each("taper_cached_tokens", "gauge", "Positions kept of ended answers.") { $0.cachedTokens }
        each("taper_generated_tokens_total", "counter", "Tokens that were written.") { $0.newTokens }
        each("taper_prompt_seconds_total", "counter", "Time in which prompts were read.") { $0.prefillSeconds }
        each("taper_decode_seconds_total", "counter", "Time in which tokens were written, added over answers.") {
            $0.decodeSeconds
        }
        each("taper_read_bytes_total", "counter", "Bytes of weights and cache that decode steps read.") { $0.bytesRead }
        family("taper_decode_step_bits", "histogram", "Precision of decode steps in bits.")
        for model in models { histogram("taper_decode_step_bits", model.name, model.counts.steps) }
        family("process_resident_memory_bytes", "gauge", "Resident memory.")
        sample("process_resident_memory_bytes", [], Double(max(residentBytes(), 0)))
    }

    private mutating func family(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let pairs = labels.map { "\($0.0)=\"\(MetricsText.escaped($0.1))\"" }.joined(separator: ",")
        let number = Int(exactly: value).map(String.init) ?? String(value)
        text += "\(name)\(pairs.isEmpty ? "" : "{" + pairs + "}") \(number)\n"
    }

    private mutating func histogram(_ name: String, _ model: String, _ steps: [Precision: Int]) {
        var (count, sum) = (0, 0.0)
        for (precision, steps) in steps.sorted(by: { $0.key < $1.key }) {
            count += steps
            sum += precision.bits * Double(steps)
            sample(name + "_bucket", [("model", model), ("le", precision.description)], Double(count))
        }
        sample(name + "_bucket", [("model", model), ("le", "+Inf")], Double(count))
        sample(name + "_sum", [("model", model)], sum)
        sample(name + "_count", [("model", model)], Double(count))
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
