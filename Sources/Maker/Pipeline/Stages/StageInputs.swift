import Bundle
import Checkpoint
import Evaluation
import Model
import Storage

/// A model's weights, or some of them, as a stage reads them: of the checkpoint's own, or scaled and arranged by other stages.
package struct ModelInput: OutsideContent {
    private let checkpoint: Checkpoint
    /// nil: of a bundle that is calibrated in place, which has no keys.
    private let content: ContentKey?
    private let names: Set<String>?
    private let range: Artifact<CacheScaling>?
    private let channels: Artifact<ChannelOrder>?

    /// - Parameters:
    ///   - digests: of the tensors that are read.
    ///   - arithmetic: what computes in floats: its last bits are in every result.
    init(_ checkpoint: Checkpoint, digests: [String: Digest], arithmetic: String, isWhole: Bool = true) {
        self.checkpoint = checkpoint
        content = ContentKey(
            "model", version: 1, ["config": checkpoint.config, "tensors": digests, "arithmetic": arithmetic])
        names = isWhole ? nil : Set(digests.keys)
        (range, channels) = (nil, nil)
    }

    /// A model for a stage that is run without a key.
    init(unkeyed checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
        (content, names, range, channels) = (nil, nil, nil, nil)
    }

    private init(_ other: ModelInput, range: Artifact<CacheScaling>?, channels: Artifact<ChannelOrder>?) {
        (checkpoint, content, names) = (other.checkpoint, other.content, other.names)
        (self.range, self.channels) = (range, channels)
    }

    func scaled(by range: Artifact<CacheScaling>) -> ModelInput { ModelInput(self, range: range, channels: nil) }
    func arranged(by channels: Artifact<ChannelOrder>?) -> ModelInput {
        ModelInput(self, range: range, channels: channels)
    }

    var config: ModelConfig { checkpoint.config }
    package var keyContent: Any {
        guard let content else { preconditionFailure("a stage that is run in place has no key") }
        return (content: content, range: range, channels: channels)
    }
    package var text: String {
        (names.map { "\($0.count) tensors of " } ?? "") + "the model "
            + (content?.text ?? Files.name(of: checkpoint.path))
    }
    /// The whole of what is read, for what is kept between stages.
    var key: ContentKey? {
        content.map {
            ContentKey(
                "read", version: 1,
                ["content": $0, "range": range?.stage.key as Any, "channels": channels?.stage.key as Any])
        }
    }

    func open(_ workspace: StageWorkspace) throws(TaperError) -> Checkpoint {
        try workspace.model(key) { () throws(TaperError) -> Checkpoint in
            try workspace.prepared(names.map { checkpoint.lending($0) } ?? checkpoint, range, channels)
        }
    }
}

extension StageWorkspace {
    /// Weights as the outputs of other stages make of them.
    fileprivate func prepared(
        _ checkpoint: Checkpoint, _ range: Artifact<CacheScaling>?, _ channels: Artifact<ChannelOrder>?
    ) throws(TaperError) -> Checkpoint {
        var result = checkpoint
        if let range { result = result.scaled(by: try value(range)) }
        if let channels { result = result.arranged(by: try value(channels)) }
        return result
    }
}

/// One tensor's weights, scaled and arranged like the model's.
package struct TensorInput: OutsideContent {
    let name: String
    let shape: [Int]
    private let checkpoint: Checkpoint
    private let digest: Digest
    private let range: Artifact<CacheScaling>?
    private let channels: Artifact<ChannelOrder>?

    init(
        _ tensor: ModelConfig.TensorRequirement, _ checkpoint: Checkpoint, digest: Digest,
        range: Artifact<CacheScaling>, channels: Artifact<ChannelOrder>?
    ) {
        name = tensor.name
        shape = tensor.shape
        self.checkpoint = checkpoint
        self.digest = digest
        // Of no other tensor does anything become of it.
        self.range = CacheScaling.canChange(tensor.name) ? range : nil
        self.channels = channels
    }

    package var keyContent: Any { (name: name, digest: digest, range: range, channels: channels) }
    package var text: String { "\(name), \(shape.map(String.init).joined(separator: " x "))" }

    func read(_ workspace: StageWorkspace) throws(TaperError) -> [Float] { try model(workspace).read(name) }

    /// Whether some of its rows cost no more than they are: in blocks rows move, and some of them cost all.
    var hasRows: Bool { name == TensorName.embedding || name == TensorName.head }

    /// [rows.count * columns]
    func read(_ workspace: StageWorkspace, rows: Range<Int>) throws(TaperError) -> [Float] {
        try model(workspace).read(name, rows: rows)
    }

    private func model(_ workspace: StageWorkspace) throws(TaperError) -> Checkpoint {
        let key = ContentKey(
            "read", version: 1, ["range": range?.stage.key as Any, "channels": channels?.stage.key as Any])
        return try workspace.model(key) { () throws(TaperError) -> Checkpoint in
            try workspace.prepared(checkpoint, range, channels)
        }.lending([name])
    }
}

/// The sequences that a stage reads: of the text, and of the model's own.
package struct TextInput: OutsideContent {
    let tokens: [[Int]]
    private let digest: Digest
    private let own: Artifact<OwnText>?
    private let ownLimit: Int
    private let length: Int

    init(tokens: [[Int]], ownLimit: Int, length: Int) {
        self.tokens = tokens
        digest = Digest(of: CanonicalBytes.of(tokens))
        own = nil
        self.ownLimit = ownLimit
        self.length = length
    }

    private init(_ other: TextInput, own: Artifact<OwnText>?) {
        (tokens, digest, ownLimit, length) = (other.tokens, other.digest, other.ownLimit, other.length)
        self.own = own
    }

    func with(own: Artifact<OwnText>?) -> TextInput { TextInput(self, own: own) }

    package var keyContent: Any { (digest: digest, own: own, ownLimit: ownLimit, length: length) }
    package var text: String {
        "\(tokens.count) sequences, \(tokenCount) tokens" + (own == nil ? "" : ", and of the model's own text")
    }
    var tokenCount: Int { tokens.reduce(0) { $0 + $1.count } }

    func sequences(_ workspace: StageWorkspace) throws(TaperError) -> [[Int]] {
        guard let own else { return tokens }
        return tokens + (try workspace.value(own)).sequences.prefix(ownLimit).map { Array($0.prefix(length)) }
    }
}

/// A text of which the words count, and its name and checksum where a result repeats them. Its path never does.
package struct SourceInput: OutsideContent {
    let source: SourceText
    let isNamed: Bool

    package var keyContent: Any {
        (
            text: source.text, name: isNamed ? source.name : nil as String?,
            checksum: isNamed ? source.checksum : nil as UInt64?
        )
    }
    package var text: String { source.name + ", " + byteText(source.bytes.count) }
}

/// The bundle that a stage runs: one that is being made, or one that is there.
package struct BundleInput: OutsideContent {
    private enum Place {
        case made(pack: Stage, rungs: Artifact<JSONValue>?, screens: Artifact<[[UInt8]]>?)
        case file(String)
    }
    private let place: Place

    init(pack: Stage, rungs: Artifact<JSONValue>? = nil, screens: Artifact<[[UInt8]]>? = nil) {
        place = .made(pack: pack, rungs: rungs, screens: screens)
    }
    /// For a stage that is run without a key.
    init(path: String) { place = .file(path) }

    package var keyContent: Any {
        guard case .made(let pack, let rungs, let screens) = place else {
            preconditionFailure("a stage that is run in place has no key")
        }
        return (pack: pack, rungs: rungs, screens: screens)
    }
    package var text: String {
        switch place {
        case .made(let pack, let rungs, _): FactText.of(pack) + (rungs.map { ", " + $0.text } ?? "")
        case .file(let path): path
        }
    }

    func open(_ workspace: StageWorkspace) throws(TaperError) -> Bundle {
        switch place {
        case .file(let path): return try Bundle(path: path)
        case .made(let pack, let rungs, let screens):
            let bundle = try Bundle(path: try workspace.draft(pack).path)
            if let rungs { try bundle.adopt(rungs: try workspace.value(rungs), place: "rungs found") }
            if let screens { try bundle.adopt(headScreens: try workspace.value(screens)) }
            return bundle
        }
    }
}
