public import Bundle
import Checkpoint
import Kernels
public import Model
import Reference
import Runtime
public import Storage
import Text

/// One file of a comparison: a checkpoint, a GGUF file, or a bundle at several precisions.
public struct ComparedFile: Sendable {
    public enum Kind: String, Sendable { case bundle, safetensors, gguf }
    public let path: String
    public let kind: Kind
    public let byteCount: Int
    /// What the others are compared with.
    public let isReference: Bool
    public internal(set) var results: [QualityResult] = []
    /// Why there is no divergence, or other things to know.
    public internal(set) var notes: [String] = []

    public var json: JSONValue {
        .object([
            .init("path", .string(path)), .init("kind", .string(kind.rawValue)), .init("bytes", .integer(byteCount)),
            .init("is_reference", .bool(isReference)), .init("notes", .array(notes.map { .string($0) })),
            .init("results", .array(results.map(\.json))),
        ])
    }
}

/// Checkpoints, bundles and GGUF files side by side on one text, at the bytes that each reads per decoded token.
///
/// Bytes are those stored in the file: of a bundle `TransformerWeights.bytesPerToken(bits:)` (linear layers and head at
/// the precision, of a head with screens what greedy decoding reads on average, one embedding row), of everything else
/// `Checkpoint.bytesPerToken` (the same and norms and biases, which are a few thousandths). A bundle runs in the
/// shipped runtime; a GGUF or safetensors file is dequantized and runs in the float reference model, so no other
/// program's kernels take part, and its activations are not rounded.
///
/// One model is in memory at a time. Of the reference its final hidden states and its head are kept, from which its logits are
/// made again window by window, exactly: less memory than logits in half precision, and nothing is rounded.
public struct ModelComparison {
    public struct Settings {
        public var rule: PerplexityProtocol
        public var threads: Int
        /// What to measure on a bundle.
        public var schedules: (Bundle) throws(TaperError) -> [(label: String, schedule: PrecisionSchedule)]

        public init(
            rule: PerplexityProtocol, threads: Int,
            schedules: @escaping (Bundle) throws(TaperError) -> [(label: String, schedule: PrecisionSchedule)]
        ) {
            self.rule = rule
            self.threads = threads
            self.schedules = schedules
        }
    }

    public private(set) var files: [ComparedFile]
    /// What the reference's tokenizer, or else the first file's, has made of the text.
    public private(set) var extent = PerplexityProtocol.Extent([], addsSpecial: false)
    public let rule: PerplexityProtocol
    private let settings: Settings
    private let models: [AnyModel]

    /// Opens every file and refuses what cannot be compared, before work starts.
    ///
    /// - Parameter reference: path of the checkpoint compared with; nil for the first safetensors checkpoint among
    ///   `paths`, or else the first GGUF file. Without any, perplexities alone are compared.
    /// - Throws: `usage` when vocabularies differ in size, a window exceeds a context, or a file is named twice.
    public init(paths: [String], reference: String?, settings: Settings) throws(TaperError) {
        var all = paths
        if let reference, !paths.contains(where: { Files.same($0, reference) }) { all.insert(reference, at: 0) }
        guard !paths.isEmpty else { throw TaperError(.usage, "there is nothing to compare") }
        var models: [AnyModel] = []
        var kinds: [ComparedFile.Kind] = []
        for (index, path) in all.enumerated() {
            if let other = all[..<index].first(where: { Files.same($0, path) }) {
                throw TaperError(.usage, "the same file twice", at: path, found: other)
            }
            let model = try AnyModel(path: path)
            models.append(model)
            switch model {
            case .bundle: kinds.append(.bundle)
            case .checkpoint(let checkpoint): kinds.append(checkpoint.format == "gguf" ? .gguf : .safetensors)
            }
        }
        let chosen =
            reference.flatMap { path in all.firstIndex { Files.same($0, path) } }
            ?? kinds.firstIndex(of: .safetensors) ?? kinds.firstIndex(of: .gguf)
        if let chosen, kinds[chosen] == .bundle {
            throw TaperError(
                .usage, "a bundle cannot be the reference", at: all[chosen], expected: "a checkpoint or GGUF file")
        }
        let judge = chosen ?? 0
        for (path, model) in zip(all, models) {
            let expected = models[judge].config.vocabularySize
            guard model.config.vocabularySize == expected else {
                throw TaperError(
                    .usage, "the vocabularies differ, so the models cannot be compared", at: path,
                    expected: "\(expected) tokens, as " + all[judge], found: "\(model.config.vocabularySize)")
            }
            guard settings.rule.window <= model.config.contextLength else {
                throw TaperError(
                    .usage, "the window exceeds the model's context", at: path,
                    expected: "at most \(model.config.contextLength)", found: "\(settings.rule.window)",
                    remedy: "Use a smaller \(field("window"))")
            }
        }
        files = zip(all, models).enumerated().map { index, pair in
            let byteCount: Int =
                switch pair.1 {
                case .bundle(let bundle): bundle.byteCount
                case .checkpoint(let checkpoint): checkpoint.storedByteCount
                }
            return ComparedFile(path: pair.0, kind: kinds[index], byteCount: byteCount, isReference: index == chosen)
        }
        for index in files.indices { files[index].notes = models[index].warnings }
        self.models = models
        self.settings = settings
        rule = settings.rule
    }

    /// The bundles among the files.
    public var bundles: [Bundle] {
        models.compactMap { model in if case .bundle(let bundle) = model { bundle } else { nil } }
    }

    /// Measures every file on `text`.
    public mutating func run(_ text: SourceText, progress: (Double, String) -> Void) throws(TaperError) {
        let pool = try ThreadPool(threadCount: settings.threads)
        var windows: [[PerplexityProtocol.Window]] = []
        let judge = files.firstIndex { $0.isReference }
        for (index, model) in models.enumerated() {
            let tokenizer = try model.tokenizer()
            windows.append(try rule.windows(of: text.text, tokenizer: tokenizer, place: text.path))
            if index == judge ?? 0 { extent = PerplexityProtocol.Extent(windows[index], tokenizer) }
        }
        var measurement: QualityMeasurement?
        var order = files.indices.map { $0 }
        if let judge { order.swapAt(0, judge) }
        for (turn, index) in order.enumerated() {
            let (base, share) = (Double(turn) / Double(order.count), 1 / Double(order.count))
            let name = Files.name(of: files[index].path)
            let isComparable = judge.map { windows[$0].map(\.tokens) == windows[index].map(\.tokens) } ?? false
            if judge != nil && !isComparable {
                files[index].notes.append(
                    "its tokenizer cuts the text into other tokens than the reference's, so there is no divergence, and its "
                        + "perplexity per token is not comparable")
            }
            let mine =
                (isComparable ? measurement : nil)
                ?? QualityMeasurement(windows: windows[index], reference: nil, pool: pool)
            switch models[index] {
            case .checkpoint(let checkpoint):
                let states = try ReferenceStates(
                    try ReferenceModel(checkpoint, residency: .streamed, threads: settings.threads),
                    sequences: windows[index].map(\.tokens)
                ) { progress(base + share * 0.8 * $0, name) }
                let bytes = checkpoint.bytesPerToken
                if files[index].isReference {
                    let made = QualityMeasurement(windows: windows[index], reference: states, pool: pool)
                    measurement = made
                    var result = try made.run(nil, includingReference: true) { _ in }[0]
                    result.bytesPerToken = bytes
                    files[index].results = [result]
                } else {
                    let label = files[index].kind == .gguf ? "GGUF" : "checkpoint"
                    files[index].results = try mine.run(
                        .states(states, label: label, bytesPerToken: bytes), includingReference: false
                    ) { progress(base + share * (0.8 + 0.2 * $0), name) }
                }
            case .bundle(let bundle):
                let engine = try Engine(try TransformerWeights(bundle), contextLength: rule.window, pool: pool)
                files[index].results = try mine.run(
                    .bundle(engine, try settings.schedules(bundle)), includingReference: false
                ) { progress(base + share * $0, name) }
            }
            if isComparable, let judge {
                let full = files[judge].results.first?.comparison.perplexity
                for item in files[index].results.indices { files[index].results[item].fullPerplexity = full }
            }
        }
    }

    /// The measurement as data (`taper eval compare --json`).
    public func json(text: SourceText, warnings: [String]) -> JSONValue {
        .object([
            .init("schema", .string("taper-compare-1")),
            .init("text", .string(text.path)),
            .init("text_checksum", .string(String(text.checksum, radix: 16))),
            .init(
                "protocol",
                rule.json(extent)),
            .init("warnings", .array(warnings.map { .string($0) })),
            .init("files", .array(files.map(\.json))),
        ])
    }
}
