import Bundle
import Checkpoint
import Kernels
import Reference
import Storage

/// What a stage is handed beside its own properties: processors, somebody to tell how far it is, and the outputs that it
/// declared. Nothing of it changes a byte of what the stage makes.
package final class StageWorkspace {
    let pool: ThreadPool
    var threads: Int { pool.threadCount }
    let memory: MemoryBudget
    let progress: Progress
    /// Hears the share of the stage that is done, instead of `progress`.
    var hear: ((Double, String) -> Void)?
    /// Final states that passes over a model leave: others would compute the same ones again, bit for bit.
    let states = PassStates()
    /// Loads the output of a stage, made if need be.
    private let load: (Stage) throws(TaperError) -> [UInt8]
    /// Makes it again, after what was loaded made no sense.
    private let reload: (Stage) throws(TaperError) -> [UInt8]
    private var models: [ContentKey: Checkpoint] = [:]
    private var drafts: [ContentKey: BundleDraft] = [:]
    /// What the stage that runs has saved of unfinished work.
    var saved = SavedWork.none

    init(
        pool: ThreadPool, memory: MemoryBudget = .usual, progress: Progress,
        load: @escaping (Stage) throws(TaperError) -> [UInt8],
        reload: @escaping (Stage) throws(TaperError) -> [UInt8]
    ) {
        self.pool = pool
        self.memory = memory
        self.progress = progress
        self.load = load
        self.reload = reload
    }

    /// For stages whose inputs are all at hand, such as those that are run on a bundle in place.
    convenience init(pool: ThreadPool, progress: Progress) {
        func none(_ stage: Stage) throws(TaperError) -> [UInt8] {
            throw TaperError(.internalFault, "a stage that is run in place reads another's output", at: stage.label)
        }
        self.init(pool: pool, progress: progress, load: none, reload: none)
    }

    func update(_ fraction: Double, _ detail: String = "") {
        if let hear { hear(fraction, detail) } else { progress.update(fraction, detail) }
    }

    /// A stage's output.
    func value<Output>(_ artifact: Artifact<Output>) throws(TaperError) -> Output {
        let bytes = try load(artifact.stage)
        if let output = try? artifact.read(bytes) { return output }
        return try artifact.read(try reload(artifact.stage))
    }

    /// - Parameter key: of everything that is read; nil: it is not kept.
    func model(
        _ key: ContentKey?, open: () throws(TaperError) -> Checkpoint
    ) throws(TaperError) -> Checkpoint {
        if let key, let known = models[key] { return known }
        let model = try open()
        if let key { models[key] = model }
        return model
    }

    /// The bundle that `pack` wrote.
    func draft(_ pack: Stage) throws(TaperError) -> BundleDraft {
        guard let draft = drafts[pack.key] else {
            throw TaperError(.internalFault, "a stage runs a bundle that was not packed", at: pack.label)
        }
        return draft
    }

    func hasDraft(_ pack: Stage) -> Bool { drafts[pack.key] != nil }
    func keep(_ draft: BundleDraft, of pack: Stage) { drafts[pack.key] = draft }

    /// The draft, which others no longer find.
    func takeDraft(_ pack: Stage) throws(TaperError) -> BundleDraft {
        let draft = try draft(pack)
        drafts[pack.key] = nil
        return draft
    }
}

/// What an interrupted stage needs to go on; beside the store's outputs, and gone when the stage is over.
struct SavedWork {
    let load: () -> [UInt8]?
    let store: ([UInt8]) throws(TaperError) -> Void
    /// Whole but senseless.
    let discard: () -> Void

    static var none: SavedWork { SavedWork(load: { nil }, store: { _ throws(TaperError) in }, discard: {}) }
}

/// Final states by the model that they are of.
final class PassStates {
    private var all: [ContentKey: FinalStates] = [:]

    func known(_ model: ModelInput) -> FinalStates { model.key.flatMap { all[$0] } ?? FinalStates() }
    func keep(_ states: FinalStates, of model: ModelInput) {
        if let key = model.key { all[key] = states }
    }
    /// When the last stage that can use them is over.
    func drop() { all = [:] }
}
