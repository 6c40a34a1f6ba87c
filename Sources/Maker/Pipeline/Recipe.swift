import Bundle
public import Evaluation
import Kernels
import Scoring
public import Model
public import Quantization
public import Storage

/// What to make of a checkpoint: precisions, calibration text, quality text and tasks (`pipelines/*.json`).
public struct Recipe: Sendable {
    /// A task whose switch points are calibrated into the bundle.
    public struct Task: Sendable {
        public var name: String
        /// nil: the user names the file (`taper convert --task-data NAME=FILE`).
        public var dataPath: String?
        public var metric: String
        /// Of a translation task.
        public var direction: TranslationDirection?
        public var maxNewTokens: Int
        public var tolerance: Double
        /// At most this many examples are decoded.
        public var examples: Int
    }
    /// The learned scheduler's training.
    public struct Learned: Sendable {
        public var textPath: String
        /// From high to low.
        public var precisions: [Int]
        public var prompts: Int
        public var maxNewTokens: Int
        public var tolerance: Double

        public init(textPath: String, precisions: [Int], prompts: Int, maxNewTokens: Int, tolerance: Double) {
            self.textPath = textPath
            self.precisions = precisions
            self.prompts = prompts
            self.maxNewTokens = maxNewTokens
            self.tolerance = tolerance
        }
    }
    /// Where a text comes from.
    public enum TextPlace: Equatable, Sendable {
        case file(String)
        /// The one of `samples/` that comes with the program.
        case sample
    }
    /// Text cut into windows for perplexity.
    public struct QualityText: Sendable {
        public var text: TextPlace
        public var window: Int
        public var windows: Int
    }

    /// The file it was read from.
    public var path: String?
    /// Ascending, each 2 to 8, and perhaps 16 (half precision) beside them.
    public var precisions: [Int] = [2, 3, 4, 5, 6]
    /// Those that are codes.
    public var nestedPrecisions: [Int] { BitWidth.nested(of: precisions) }
    /// Average bits of the mixed allocations to find between the precisions.
    public var rungs: [Precision] = []
    /// Whether the bundle also holds the linear layers' weights in half precision.
    public var holdsHalf: Bool { precisions.last == BitWidth.half }
    /// Bits of the first k-means; lower precisions merge its clusters, higher ones split them.
    public var seedBits = 3
    /// Of the embedding and the head. 8 alone: uniform bytes with a scale per row; else nested codes, of which the largest
    /// precision is used that does not exceed the linear layers', or the smallest.
    public var embeddingPrecisions = [8]
    /// How the linear layers get their codes; nil: `joint` where there is calibration text, else `k-means`.
    public var method: QuantizationMethod?
    public var effectiveMethod: QuantizationMethod {
        method ?? (!hasCalibration || effort == .fast ? .kMeans : .joint)
    }
    /// How much time the quantizer may take; without calibration text it has nothing to spend it on.
    public var effort = Effort.default
    /// Replaces the effort's own tuning.
    public var tuning: [TuningPlan]?
    public var tuningPlans: [TuningPlan] {
        !hasCalibration ? [] : tuning ?? effort.plans(nestedPrecisions)
    }
    /// Precision of the embedding and head while the linear layers run at `bits`.
    public func embeddingBits(at bits: Int) -> Int {
        embeddingPrecisions[BitWidth.index(of: bits, in: embeddingPrecisions)]
    }
    public var embeddingText: String { embeddingPrecisions.map(String.init).joined(separator: ", ") }
    public var tuningSequences: Int { effort.tuningSequences }
    public var joint = JointSettings()
    /// Whether the method `joint` weighs the calibration text's positions by what errors there do to the logits.
    public var isGuided = true
    /// Whether the head's largest logits are found from its leading bits, where that saves bytes.
    public var screensHead = true
    public var calibrationText: TextPlace?
    public var calibrationSequences = 32
    public var calibrationLength = 512
    /// Sequences of that length that the model writes itself, beside those of the text.
    public var generatedSequences = 0
    /// Those that are made: writing takes longer than all else of the effort fast.
    public var ownSequences: Int { effort == .fast ? 0 : generatedSequences }
    public var hasCalibration: Bool { calibrationText != nil || ownSequences > 0 }
    static let sequenceLimit = 65536
    static let lengthLimit = 65536
    public var quality: QualityText?
    public var tasks: [Task] = []
    public var learned: Learned?
    /// Name of a chat template that replaces the checkpoint's.
    public var chatTemplate: String?
    /// Parts that a machine with too little memory may leave out; of a recipe that somebody wrote, none.
    public var leavesOut: Set<Part> = []

    public init() {}

    public static let schema = "taper-recipe-1"
    private static let keys = [
        "schema", "description", "precisions", "method", "guided", "effort", "tuning", "seed_bits", "embedding_bits",
        "head_screen",
        "calibration", "quality", "tasks", "rungs", "learned",
        "chat_template",
    ]

    /// Reads a recipe; paths in it are relative to its own folder.
    /// - Throws: `badData` naming the key at fault; unknown keys are refused, so that a typo is not ignored.
    public init(path: String) throws(TaperError) {
        self.path = path
        let json = try JSONValue.parse(try Files.readText(path, limit: 1 << 20), place: path)
        let folder = Files.directory(of: path)
        let reader = Reader(json: json, place: path)
        try reader.allow(Recipe.keys)
        guard json["schema"]?.string == Recipe.schema else {
            throw TaperError(
                .badData, "not a recipe this version knows", at: path, expected: "\"schema\": \"\(Recipe.schema)\"",
                found: json["schema"]?.string.map { printable($0) } ?? "no schema")
        }
        if let values = json["precisions"] {
            guard values.array != nil else { throw reader.wrong("precisions", "an array of integers") }
            precisions = try reader.integers("precisions")
        }
        if let values = json["rungs"] {
            let expected = "an array of averages such as 3.5"
            guard let array = values.array else { throw reader.wrong("rungs", expected) }
            for value in array {
                guard let precision = Precision(json: value) else { throw reader.wrong("rungs", expected) }
                rungs.append(precision)
            }
        }
        if let bits = try reader.integer("seed_bits", BitWidth.nested) { seedBits = bits }
        if json["embedding_bits"]?.array != nil {
            embeddingPrecisions = try reader.integers("embedding_bits")
        } else if let bits = try reader.integer("embedding_bits", BitWidth.nested) {
            embeddingPrecisions = [bits]
        }
        if let name = try reader.string("method") {
            guard let known = QuantizationMethod(rawValue: name) else {
                throw TaperError(
                    .badData, "\"method\" names no method", at: path, expected: QuantizationMethod.names,
                    found: printable(name))
            }
            method = known
        }
        if let value = json["guided"] {
            guard case .bool(let isGuided) = value else { throw reader.wrong("guided", "true or false") }
            self.isGuided = isGuided
        }
        if let value = json["head_screen"] {
            guard case .bool(let screens) = value else { throw reader.wrong("head_screen", "true or false") }
            screensHead = screens
        }
        if let name = try reader.string("effort") {
            guard let known = Effort(rawValue: name) else {
                throw TaperError(
                    .badData, "\"effort\" names no effort", at: path, expected: Effort.names, found: printable(name))
            }
            effort = known
        }
        if let list = json["tuning"] {
            guard let array = list.array else { throw reader.wrong("tuning", "an array") }
            tuning = []
            for (index, item) in array.enumerated() {
                let part = Reader(json: item, place: path + ": tuning[\(index)]")
                try part.allow(["bits", "steps", "rate"])
                guard let bits = try part.integer("bits", BitWidth.nested),
                    let steps = try part.integer("steps", 0...1_000_000),
                    let rate = try part.number("rate", 0...1)
                else { throw part.wrong("bits", "bits, steps and a rate") }
                tuning?.append(TuningPlan(bits: bits, steps: steps, rate: rate))
            }
        }
        chatTemplate = try reader.string("chat_template")
        if let calibration = json["calibration"] {
            let part = Reader(json: calibration, place: path + ": calibration")
            try part.allow(["text", "sequences", "length", "generated"])
            calibrationText = try part.string("text").map { .file(Recipe.resolve($0, folder)) }
            if let count = try part.integer("sequences", 1...Recipe.sequenceLimit) { calibrationSequences = count }
            if let length = try part.integer("length", 2...Recipe.lengthLimit) { calibrationLength = length }
            if let count = try part.integer("generated", 0...Recipe.sequenceLimit) { generatedSequences = count }
        }
        if let text = json["quality"] {
            let part = Reader(json: text, place: path + ": quality")
            try part.allow(["text", "window", "windows"])
            guard let file = try part.string("text") else { throw part.wrong("text", "a path") }
            quality = QualityText(
                text: .file(Recipe.resolve(file, folder)), window: try part.integer("window", 2...65536) ?? 512,
                windows: try part.integer("windows", 1...65536) ?? 8)
        }
        if let list = json["tasks"] {
            guard let array = list.array else { throw reader.wrong("tasks", "an array") }
            for (index, item) in array.enumerated() {
                let part = Reader(json: item, place: path + ": tasks[\(index)]")
                try part.allow(["name", "data", "metric", "direction", "max_new_tokens", "tolerance", "examples"])
                guard let name = try part.string("name"), !name.isEmpty else { throw part.wrong("name", "a name") }
                // Null says that the file is the user's; a forgotten key does not.
                let data = try part.string("data")
                guard item["data"] != nil else { throw part.wrong("data", "a path, or null for a file of the user's") }
                let direction = try part.string("direction").map { text throws(TaperError) in
                    do throws(TaperError) {
                        return try TranslationDirection(parsing: text, place: part.place + ": direction")
                    } catch { throw TaperError(.badData, error.message) }
                }
                let metric =
                    try part.string("metric")
                    ?? TaskMetric.standard(general: name == CalibratedSchedule.generalTask, hasReference: true).rawValue
                guard TaskMetric(rawValue: metric)?.isForCalibration == true else {
                    throw part.wrong("metric", TaskMetric.calibrationNames)
                }
                tasks.append(
                    Task(
                        name: name, dataPath: data.map { Recipe.resolve($0, folder) }, metric: metric,
                        direction: direction,
                        maxNewTokens: try part.integer("max_new_tokens", 1...65536) ?? 64,
                        tolerance: try part.number("tolerance", 0...1) ?? 0.01,
                        examples: try part.integer("examples", 1...100_000) ?? 32))
            }
        }
        if let item = json["learned"] {
            let part = Reader(json: item, place: path + ": learned")
            try part.allow(["text", "precisions", "prompts", "max_new_tokens", "tolerance"])
            guard let file = try part.string("text") else { throw part.wrong("text", "a path") }
            let list = (item["precisions"]?.array ?? []).compactMap(\.integer)
            guard list.count >= 2, list.count == item["precisions"]?.array?.count,
                zip(list, list.dropFirst()).allSatisfy({ $0 > $1 })
            else { throw part.wrong("precisions", "two or more falling integers") }
            learned = Learned(
                textPath: Recipe.resolve(file, folder), precisions: list,
                prompts: try part.integer("prompts", 10...100_000) ?? 256,
                maxNewTokens: try part.integer("max_new_tokens", 1...65536) ?? 64,
                tolerance: try part.number("tolerance", 0...1) ?? 0.01)
        }
        try validate(place: path)
    }

    /// Refuses combinations that cannot be made.
    public func validate(place: String) throws(TaperError) {
        guard !precisions.isEmpty, precisions == precisions.sorted(), Set(precisions).count == precisions.count,
            precisions.allSatisfy({ BitWidth.exists($0) })
        else {
            throw TaperError(
                .badData, "precisions must be ascending, distinct, each 2 to 8 or 16", at: place,
                found: JSONValue.array(precisions.map { .integer($0) }).text())
        }
        guard let highest = nestedPrecisions.last else {
            throw TaperError(
                .badData, "16 bits come beside a precision of 2 to 8", at: place,
                remedy: "Add one, such as 4,16")
        }
        guard !embeddingPrecisions.isEmpty, embeddingPrecisions.allSatisfy({ BitWidth.isNested($0) }),
            zip(embeddingPrecisions, embeddingPrecisions.dropFirst()).allSatisfy({ $0 < $1 })
        else {
            throw TaperError(
                .badData, "embedding_bits must be ascending, distinct, each 2 to 8", at: place,
                found: JSONValue.array(embeddingPrecisions.map { .integer($0) }).text())
        }
        guard seedBits <= highest else {
            throw TaperError(
                .badData, "seed_bits exceeds the highest precision", at: place, found: String(seedBits),
                remedy: "Choose a seed among the precisions")
        }
        for plan in tuning ?? [] where !nestedPrecisions.contains(plan.bits) {
            throw TaperError(
                .badData, "tuning of a precision that is not made", at: place, found: "\(plan.bits) bits")
        }
        try checkRungs(rungs, precisions: precisions, code: .badData, place: place + ": rungs")
        guard rungs.isEmpty || hasCalibration else {
            throw TaperError(
                .badData, "rungs need a calibration text", at: place,
                remedy: "Name one as calibration.text, or a number of sequences as calibration.generated")
        }
        for bits in learned?.precisions ?? [] where !precisions.contains(bits) {
            throw TaperError(
                .badData, "the learned scheduler steps through a precision that is not made", at: place,
                found: "\(bits) bits")
        }
        guard Set(tasks.map(\.name)).count == tasks.count else {
            throw TaperError(.badData, "two tasks have the same name", at: place)
        }
    }

    /// Takes "NAME=FILE" for the examples of a task.
    /// - Throws: `usage` when no task has the name.
    public mutating func setTaskData(_ text: String) throws(TaperError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[1].isEmpty, let index = tasks.firstIndex(where: { $0.name == parts[0] }) else {
            throw TaperError(
                .usage, "\(field("task_data")) names no task of the recipe", at: field("task_data"),
                expected: tasks.isEmpty
                    ? "a recipe with tasks" : tasks.map { $0.name + "=FILE" }.joined(separator: " or "),
                found: printable(text))
        }
        tasks[index].dataPath = parts[1]
    }

    private static func resolve(_ path: String, _ folder: String) -> String {
        path.hasPrefix("/") ? path : folder + "/" + path
    }

    /// Typed access to one JSON object, with errors that name the key.
    private struct Reader {
        let json: JSONValue
        let place: String

        func wrong(_ key: String, _ expected: String) -> TaperError {
            TaperError(
                .badData, "\"\(key)\" has no usable value", at: place, expected: expected,
                found: json[key]?.kind ?? "nothing")
        }
        func allow(_ keys: [String]) throws(TaperError) {
            guard let members = json.members else {
                throw TaperError(.badData, "not an object", at: place, found: json.kind)
            }
            for member in members where !keys.contains(member.key) {
                throw TaperError(
                    .badData, "unknown key \"\(printable(member.key))\"", at: place,
                    expected: keys.joined(separator: ", "))
            }
        }
        func string(_ key: String) throws(TaperError) -> String? {
            guard let value = json[key], !value.isNull else { return nil }
            guard let text = value.string else { throw wrong(key, "a string") }
            return text
        }
        func integer(_ key: String, _ range: ClosedRange<Int>) throws(TaperError) -> Int? {
            guard let value = json[key], !value.isNull else { return nil }
            guard let number = value.integer, range.contains(number) else {
                throw wrong(key, "an integer from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        func integers(_ key: String) throws(TaperError) -> [Int] {
            var values: [Int] = []
            for value in json[key]?.array ?? [] {
                guard let number = value.integer else { throw wrong(key, "an array of integers") }
                values.append(number)
            }
            return values
        }
        func number(_ key: String, _ range: ClosedRange<Double>) throws(TaperError) -> Double? {
            guard let value = json[key], !value.isNull else { return nil }
            guard let number = value.double, range.contains(number) else {
                throw wrong(key, "a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }
}
