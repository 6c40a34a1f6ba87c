package import Checkpoint
package import Storage

/// One step of a conversion as a value: its stored properties are everything that its output depends on.
///
/// They are also all that `make` can reach, so nothing can be read that is not in the key: other stages' outputs as `Artifact`,
/// weights as `ModelInput` or `TensorInput`, text as tokens, settings whole. The key is made of them by reflection, in `Stage`.
package protocol StageWork {
    static var kind: StageKind { get }
    /// Of the output; raise it when the same properties give other bytes.
    static var version: Int { get }
    /// The tensor or the task, where a conversion has several stages of the kind.
    var subject: String? { get }
}

extension StageWork {
    package var subject: String? { nil }
}

/// A stage whose output is bytes in the store.
package protocol ByteStage: StageWork {
    associatedtype Output
    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8]
    /// - Throws: for bytes that make no sense; they are made again.
    func read(_ bytes: [UInt8]) throws(TaperError) -> Output
    /// What came of it, for people; nil where only the number of outputs is of interest.
    func outcome(_ output: Output) -> String?
}

extension ByteStage {
    package func outcome(_ output: Output) -> String? { nil }
}

/// Stages that share a computation: one pass makes many outputs.
package protocol SharedPassStage: ByteStage {
    /// Calls `each` with the index of every stage when its turn has come and what makes it; who hears it may leave it out.
    static func makeAll(
        _ stages: [Self], _ workspace: StageWorkspace,
        each: (Int, () throws(TaperError) -> [UInt8]) throws(TaperError) -> Void
    ) throws(TaperError)
}

extension SharedPassStage {
    package func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        var result: [UInt8] = []
        try Self.makeAll([self], workspace) { _, make throws(TaperError) in result = try make() }
        return result
    }
}

/// A stage of any kind with its key, and what the key is made of.
package struct Stage {
    /// One property of a stage.
    package struct Fact {
        package let name: String
        package let digest: Digest
        /// Weights, texts or other stages' outputs; else a setting.
        package let isInput: Bool
    }

    package let kind: StageKind
    package let version: Int
    package let subject: String?
    package let key: ContentKey
    package let facts: [Fact]
    /// Stages whose outputs it reads.
    package let inputs: [Stage]
    let work: any StageWork

    package init(_ work: some StageWork) {
        self.work = work
        kind = type(of: work).kind
        version = type(of: work).version
        subject = work.subject
        var facts: [Fact] = []
        var inputs: [Stage] = []
        for property in Mirror(reflecting: work).children {
            let content = CanonicalBytes.content(of: property.value)
            inputs += content.inputs
            facts.append(
                Fact(
                    name: property.label ?? "", digest: Digest(of: content.bytes),
                    isInput: content.hasInput))
        }
        self.facts = facts
        self.inputs = inputs
        key = ContentKey(
            kind.name, version: version,
            [
                // Two works of one kind may have equal properties.
                "work": String(describing: type(of: work)), "facts": facts.map { (name: $0.name, digest: $0.digest) },
            ])
    }

    /// "calibrate summarize", "range".
    package var label: String { kind.name + (subject.map { " " + $0 } ?? "") }

    /// What a property holds, for people.
    package func text(of fact: String) -> String {
        let value = Mirror(reflecting: work).children.first { $0.label == fact }?.value
        return value.map { FactText.of($0) } ?? ""
    }
}

/// The output of a stage as other stages read it.
package struct Artifact<Output>: KeyedContent {
    package let stage: Stage
    let read: ([UInt8]) throws(TaperError) -> Output

    init<Work: ByteStage>(_ work: Work) where Work.Output == Output {
        stage = Stage(work)
        read = { bytes throws(TaperError) in try work.read(bytes) }
    }

    package var keyContent: Any { stage }
    package var text: String { FactText.of(stage) }
}
