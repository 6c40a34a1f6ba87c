public import Model
public import Storage
public import Text

/// A full-precision (or ggml-quantized) model as other software stores it: a Hugging Face directory or a GGUF file.
///
/// Opening checks the whole structure (config, every tensor's name, shape and place) but reads no weights; they stay
/// in the mapped files until `read`.
// Immutable after init, and the mapped bytes are never written: safe to share between threads.
public final class Checkpoint: @unchecked Sendable {
    public struct Options: Sendable {
        /// Reads NaN and infinite weights instead of refusing them.
        public var allowNonfinite = false
        public init(allowNonfinite: Bool = false) { self.allowNonfinite = allowNonfinite }
    }

    public let path: String
    public let config: ModelConfig
    /// "safetensors" or "gguf".
    public let format: String
    /// In the model's order, under canonical names (`TensorName`).
    public let tensors: [TensorEntry]
    /// The chat templates' Jinja sources.
    public let chatTemplates: ChatTemplateSources
    /// Oddities that do not stop anything, each a whole sentence for the user.
    public let warnings: [String]
    /// Facts for people: parameters, element types, files, what the formats say about themselves.
    public let metadata: JSONValue

    private let options: Options
    var acceptsNonfinite: Bool { options.allowNonfinite }
    private let views: [String: TensorView]
    private let files: [SourceFile]
    private let gguf: GGUFFile?
    private let order: ChannelOrder?
    /// Constants that become part of the weights as they are read.
    let folding: WeightFolding
    let scaling: CacheScaling?
    /// Tensors that can be read; nil: all.
    private let lent: Set<String>?

    /// - Parameter path: a directory, a safetensors file in one, or a GGUF file.
    public static func open(_ path: String, options: Options = Options()) throws(TaperError) -> Checkpoint {
        switch try CheckpointFormat.detect(path) {
        case .gguf: return try Checkpoint(gguf: path, options: options)
        case .safetensors: return try Checkpoint(source: HuggingFaceSource(path: path), options: options)
        case .bundle:
            throw TaperError(
                .usage, "a bundle, where a checkpoint is needed", at: path,
                expected: "a Hugging Face directory or a GGUF file",
                remedy: "A bundle can only lose precisions (" + field("max_bits")
                    + "); others need its checkpoint again")
        case .unknown:
            throw CheckpointListing.unknown(path)
        }
    }

    private init(source: HuggingFaceSource, options: Options) throws(TaperError) {
        let configPath = source.directory + "/config.json"
        guard let json = source.config else {
            throw TaperError(
                .badData, "the directory has no config.json", at: source.directory,
                remedy: "Download the whole checkpoint, not its weights alone")
        }
        let parsed = try HuggingFaceConfig(json: json, place: configPath)
        let companions = try HuggingFaceCompanions(directory: source.directory)
        var config = parsed.imported.model
        let ends = HuggingFaceEnds.read(directory: source.directory).ids.filter { $0 < config.vocabularySize }
        config.eosTokens = companions.eosTokens.union(config.eosTokens).union(ends).sorted()
        config.bosToken = config.bosToken ?? companions.bosToken
        try config.validate(place: source.directory + ": special tokens")
        let resolution = try TensorResolution(
            source.weights.container, config: config, naming: parsed.family.naming, interleaved: false,
            place: source.directory)

        path = source.directory
        format = CheckpointFormat.safetensors.rawValue
        self.config = config
        folding = parsed.imported.folding
        self.options = options
        views = resolution.views
        tensors = resolution.entries
        files = source.weights.container.files
        gguf = nil
        order = nil
        scaling = nil
        lent = nil
        chatTemplates = companions.templates
        warnings =
            source.weights.container.warnings + parsed.imported.warnings + companions.warnings + resolution.warnings
        metadata = source.metadata
    }

    private init(gguf path: String, options: Options) throws(TaperError) {
        let gguf = try GGUFFile(path: path)
        var parsed = try GGUFConfig(gguf)
        let tokenizer = GGUFTokenizer(file: gguf)
        try tokenizer.check(rows: parsed.imported.model.vocabularySize)
        try parsed.complete(with: tokenizer)
        let resolution = try TensorResolution(
            gguf.container, config: parsed.imported.model, naming: parsed.gguf.naming,
            interleaved: parsed.gguf.interleaves, place: path)

        self.path = path
        format = CheckpointFormat.gguf.rawValue
        config = parsed.imported.model
        folding = parsed.imported.folding
        self.options = options
        views = resolution.views
        tensors = resolution.entries
        files = [gguf.file]
        self.gguf = gguf
        order = nil
        scaling = nil
        lent = nil
        chatTemplates = try GGUFTokenizer(file: gguf).chatTemplates()
        warnings = parsed.imported.warnings + resolution.warnings
        metadata = gguf.metadata
    }

    private init(_ other: Checkpoint, order: ChannelOrder?, scaling: CacheScaling?, lent: Set<String>?) {
        path = other.path
        config = other.config
        folding = other.folding
        format = other.format
        tensors = other.tensors
        chatTemplates = other.chatTemplates
        warnings = other.warnings
        metadata = other.metadata
        options = other.options
        views = other.views
        files = other.files
        gguf = other.gguf
        self.order = order
        self.scaling = scaling
        self.lent = lent
    }

    /// The same model with its channels in another order.
    /// - Precondition: this one is in the checkpoint's own order.
    public func arranged(by order: ChannelOrder) -> Checkpoint {
        precondition(self.order == nil, "a second order would replace the first")
        return Checkpoint(self, order: order, scaling: scaling, lent: lent)
    }

    /// The same model with its keys and values divided by powers of two.
    /// - Precondition: this one is as its files have it.
    public func scaled(by scaling: CacheScaling) -> Checkpoint {
        precondition(self.scaling == nil && order == nil, "scaling comes first, and once")
        return Checkpoint(self, order: nil, scaling: scaling, lent: lent)
    }

    /// The same model for somebody who said which tensors it reads: others are refused, so that nothing depends on a weight
    /// that nobody knows of.
    public func lending(_ names: Set<String>) -> Checkpoint {
        Checkpoint(self, order: order, scaling: scaling, lent: names)
    }

    /// The whole tensor, row-major float32.
    /// - Throws: `badData` for a weight that is NaN or infinite; `noInput` for a name the model does not have.
    public func read(_ name: String) throws(TaperError) -> [Float] {
        let view = try view(name)
        var values = try read(view, name, rows: 0..<view.rows)
        if let scaling, scaling.changes(name) {
            values = scaling.scaled(values, name: name)
            guard options.allowNonfinite || firstNonFinite(values) == nil else {
                throw TaperError(
                    .badData, "keys and values fit half precision only with weights that do not fit single precision",
                    at: view.stored.file.path + ": tensor '" + printable(view.stored.name) + "' (" + name + ")",
                    remedy: "The checkpoint is damaged")
            }
        }
        return order?.arranged(values, name: name, shape: view.shape) ?? values
    }

    /// Some rows of a matrix: [rows.count, columns]. A vector is one row.
    public func read(_ name: String, rows: Range<Int>) throws(TaperError) -> [Float] {
        let view = try view(name)
        precondition(rows.lowerBound >= 0 && rows.upperBound <= view.rows, "rows outside the tensor")
        if scaling?.changes(name) == true || order?.movesRows(of: name) == true || view.shape.count == 1 {
            return Array(try read(name)[rows.lowerBound * view.columns..<rows.upperBound * view.columns])
        }
        let values = try read(view, name, rows: rows)
        return order?.arranged(values, name: name, shape: [rows.count, view.columns]) ?? values
    }

    func view(_ name: String) throws(TaperError) -> TensorView {
        // A tied model's head is its embedding.
        let stored = name == TensorName.head && config.tiedEmbeddings ? TensorName.embedding : name
        guard lent?.contains(stored) ?? true else {
            throw TaperError(.internalFault, "a tensor is read that was not declared", at: name)
        }
        guard let view = views[stored] else {
            throw TaperError(.noInput, "the model has no tensor '" + printable(name) + "'", at: path)
        }
        return view
    }

    private func read(_ view: TensorView, _ name: String, rows: Range<Int>) throws(TaperError) -> [Float] {
        for piece in [view.stored] + view.further { try piece.file.verifyUnchanged() }
        guard let decoder = view.stored.encoding.decoder else {
            preconditionFailure("resolution accepts readable encodings only")
        }
        var values = view.decode(rows: rows, with: decoder)
        // The pages read stay in the page cache, but no longer count as this process's memory: a model larger than
        // memory streams through.
        view.stored.file.map.advise(.doNotNeed, range: view.storedBytes(rows: rows))
        if options.allowNonfinite {
            for index in values.indices where !values[index].isFinite { values[index] = 0 }
        }
        values = folding.folded(values, name: name, config)
        // As the model computes with them: what becomes part of a weight may take it out of range.
        if !options.allowNonfinite, let index = firstUnusable(values) {
            let row = rows.lowerBound + index / view.columns
            let position =
                view.shape.count == 1
                ? "[" + String(index) + "]" : "[" + String(row) + ", " + String(index % view.columns) + "]"
            let value = values[index]
            throw TaperError(
                .badData, value.isFinite ? "a weight is too large to compute with" : "a weight is not finite",
                at: view.stored.file.path + ": tensor '" + printable(view.stored.name) + "' (" + name + ")" + position,
                expected: value.isFinite ? "a magnitude below 2^64" : "a finite number",
                found: value.isFinite ? "\(value)" : value.isNaN ? "NaN" : "infinity",
                remedy: "The checkpoint is damaged; \(field("allow_nonfinite")) reads such weights as zero")
        }
        return values
    }

    /// The checkpoint's own tokenizer.
    public func tokenizer() throws(TaperError) -> Tokenizer {
        if let gguf {
            return try Tokenizer(
                vocabulary: try GGUFTokenizer(file: gguf).vocabulary(), place: path + ": metadata 'tokenizer.ggml'")
        }
        return try HuggingFaceTokenizer.open(directory: path, rows: config.vocabularySize)
    }
}

/// Largest bits of all exponents: infinite and NaN values have every bit set, and a maximum is cheap to vectorize.
private func largestExponent(_ values: [Float]) -> UInt32 {
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7f80_0000) }
    return largest
}

/// Index of the first NaN or infinity.
private func firstNonFinite(_ values: [Float]) -> Int? {
    largestExponent(values) == 0x7f80_0000 ? values.firstIndex { !$0.isFinite } : nil
}

/// Index of the first weight that is NaN or reaches 2^64. Below that no product of a weight and an activation too small for
/// the kernels, 10^-30, is felt, nor does a sum of products of ordinary activations overflow.
private func firstUnusable(_ values: [Float]) -> Int? {
    largestExponent(values) >= Float(0x1p64).bitPattern ? values.firstIndex { !($0.magnitude < 0x1p64) } : nil
}
