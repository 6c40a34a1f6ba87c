import Bundle
import Foundation
import Kernels
import Model
import Reference
package import Storage

/// Makes stages' outputs, each once: what the store has is used, what another process makes is waited for.
package final class StageRunner {
    private let store: ArtifactStore
    private let progress: Progress
    /// Whether outputs of earlier runs count for nothing.
    private let restarts: Bool
    /// Where a bundle that is packed will be published.
    private let bundlePlace: (path: String, replacing: Bool)
    private let pool: ThreadPool
    private let memory: MemoryBudget
    private(set) lazy var workspace = StageWorkspace(
        pool: pool, memory: memory, progress: progress,
        load: { [unowned self] stage throws(TaperError) in try bytes(of: stage) },
        reload: { [unowned self] stage throws(TaperError) in
            store.discard(stage.kind.name, stage.key)
            made.remove(stage.key)
            return try bytes(of: stage)
        })
    /// Outputs made by this run.
    package private(set) var made: Set<ContentKey> = []
    private var notedWait = false

    init(
        _ store: ArtifactStore, _ pool: ThreadPool, _ memory: MemoryBudget, _ progress: Progress, restarts: Bool,
        bundlePlace: (path: String, replacing: Bool)
    ) {
        self.store = store
        self.progress = progress
        self.restarts = restarts
        self.bundlePlace = bundlePlace
        self.pool = pool
        self.memory = memory
    }

    /// Makes these stages and all that they need, the stages before first.
    package func run(_ targets: [Stage]) throws(TaperError) {
        do throws(TaperError) {
            var left = missing(targets)[...]
            while let first = left.first {
                let group = left.prefix { $0.kind == first.kind && ($0.kind != .calibrate || $0.key == first.key) }
                left = left.dropFirst(group.count)
                try make(Array(group))
            }
        } catch {
            // A pass over a model knows nothing of the store, and says that nothing was written.
            if error.code == .interrupted { try checkInterrupt() }
            throw error
        }
    }

    private func checkInterrupt() throws(TaperError) {
        try Interrupt.check(
            restarts
                ? "Run the same command without \(field("restart")) to go on" : "Run the same command again to go on")
    }

    /// Whether the output need not be made.
    package func isThere(_ stage: Stage) -> Bool {
        if stage.kind == .pack { return workspace.hasDraft(stage) }
        return (!restarts || made.contains(stage.key)) && store.contains(stage.kind.name, stage.key)
    }

    /// What has to be made for these, in the order of stages.
    private func missing(_ targets: [Stage]) -> [Stage] {
        var seen: Set<ContentKey> = []
        var found: [Stage] = []
        func visit(_ stage: Stage) {
            guard seen.insert(stage.key).inserted, !isThere(stage) else { return }
            stage.inputs.forEach(visit)
            found.append(stage)
        }
        targets.forEach(visit)
        let order = StageKind.allCases
        // Stages of a kind depend on none of the same kind, and the sort keeps their order.
        return order.flatMap { kind in found.filter { $0.kind == kind } }
    }

    private func make(_ group: [Stage]) throws(TaperError) {
        guard let first = group.first else { return }
        if first.kind.isAfterCodes { workspace.states.drop() }
        let title = first.kind.title + (first.kind == .calibrate ? first.subject.map { " " + $0 } ?? "" : "")
        progress.begin(title)
        let start = monotonicSeconds()
        if let pack = first.work as? PackStage {
            let draft = try pack.write(to: bundlePlace.path, replacing: bundlePlace.replacing, workspace)
            workspace.keep(draft, of: first)
            progress.end(byteText(FileStatus(path: draft.path)?.byteCount ?? 0))
            return
        }
        try waitingForOthers(group) { stages throws(TaperError) in try makeUnclaimed(stages) }
        // Besides the group's own, outputs before it are made again when they have gone.
        let count = group.count { made.contains($0.key) }
        let seconds = max(monotonicSeconds() - start, 1e-9)
        let others = count < group.count ? ", \(group.count - count) by another process" : ""
        if group.count == 1, let outcome = try outcome(of: first) {
            progress.end(outcome + others)
        } else {
            let weights = group.filter { made.contains($0.key) }.reduce(0) { $0 + $1.weightCount }
            progress.end(
                "\(group.count) tensors, \(fixed(Double(weights) / seconds / 1e6, 2)) million weights/s" + others)
        }
    }

    /// Runs `make`, which returns what other processes are making, until nothing is left.
    private func waitingForOthers(
        _ stages: [Stage], make: ([Stage]) throws(TaperError) -> [Stage]
    ) throws(TaperError) {
        var left = try make(stages)
        while let first = left.first {
            if !notedWait {
                notedWait = true
                progress.note("another process makes \(first.label): waiting for it")
            }
            try checkInterrupt()
            Thread.sleep(forTimeInterval: 0.1)
            let waiting = left.filter { !isThere($0) }
            left = waiting.isEmpty ? [] : try make(waiting)
        }
        notedWait = false
    }

    /// - Returns: stages that other processes have claimed.
    private func makeUnclaimed(_ stages: [Stage]) throws(TaperError) -> [Stage] {
        guard let first = stages.first else { return [] }
        if let work = first.work as? any SharedPassStage { return try makeTogether(stages, like: work) }
        var others: [Stage] = []
        let costs = stages.map(\.cost)
        let total = max(costs.reduce(0, +), 1e-9)
        var done = 0.0
        for (stage, cost) in zip(stages, costs) {
            try checkInterrupt()
            if stages.count > 1 {
                workspace.hear = { [progress] in progress.update((done + cost * $0) / total, $1) }
            }
            defer { workspace.hear = nil }
            let isMade = try claimed(stage) { () throws(TaperError) -> [UInt8] in
                guard let work = stage.work as? any ByteStage else {
                    throw TaperError(.internalFault, "the stage makes no bytes", at: stage.label)
                }
                workspace.saved = saved(stage)
                defer { workspace.saved = .none }
                return try work.make(workspace)
            }
            if !isMade { others.append(stage) }
            done += cost
            if stages.count > 1 { progress.update(done / total, stage.subject ?? "") }
        }
        return others
    }

    private func makeTogether<Work: SharedPassStage>(
        _ stages: [Stage], like _: Work
    ) throws(TaperError) -> [Stage] {
        // Another process may have all of them: then a pass would be for nothing.
        var isFree = false
        for stage in stages where !isFree { isFree = try store.claim(stage.kind.name, stage.key) != nil }
        guard isFree else { return stages }
        var others: [Stage] = []
        try Work.makeAll(stages.compactMap { $0.work as? Work }, workspace) { index, make throws(TaperError) in
            if try !claimed(stages[index], make) { others.append(stages[index]) }
        }
        return others
    }

    /// Makes and stores an output unless it is there by now.
    /// - Returns: false when another process has claimed it.
    private func claimed(_ stage: Stage, _ make: () throws(TaperError) -> [UInt8]) throws(TaperError) -> Bool {
        guard let claim = try store.claim(stage.kind.name, stage.key) else { return false }
        defer { withExtendedLifetime(claim) {} }
        guard !isThere(stage) else { return true }
        try store.store(try make(), stage.kind.name, stage.key, record: stage.record)
        store.remove(Self.savedKind(stage), stage.key)
        made.insert(stage.key)
        return true
    }

    /// An output that a stage reads; what has gone since it was looked for is made again.
    func bytes(of stage: Stage) throws(TaperError) -> [UInt8] {
        for _ in 0..<3 {
            if !restarts || made.contains(stage.key), let bytes = store.load(stage.kind.name, stage.key) {
                return bytes
            }
            made.remove(stage.key)
            // The stage that asks goes on afterwards, with its own progress and saved work.
            let (hear, saved) = (workspace.hear, workspace.saved)
            defer { (workspace.hear, workspace.saved) = (hear, saved) }
            try waitingForOthers([stage]) { stages throws(TaperError) in try makeUnclaimed(stages) }
        }
        throw TaperError(
            .inputOutput, "what was just stored cannot be read", at: store.filePath(stage.kind.name, stage.key),
            remedy: "Name a folder on another disk with \(field("work"))")
    }

    private static func savedKind(_ stage: Stage) -> String { stage.kind.name + "-state" }

    private func saved(_ stage: Stage) -> SavedWork {
        let (store, kind, key) = (store, Self.savedKind(stage), stage.key)
        return SavedWork(
            load: { [restarts] in restarts ? nil : store.load(kind, key) },
            store: { bytes throws(TaperError) in try store.store(bytes, kind, key) },
            discard: { store.discard(kind, key) })
    }

    private func outcome(of stage: Stage) throws(TaperError) -> String? {
        guard let work = stage.work as? any ByteStage else { return nil }
        func outcome<Work: ByteStage>(_ work: Work) throws(TaperError) -> String? {
            work.outcome(try work.read(try bytes(of: stage)))
        }
        return stage.kind.isTensors ? nil : try outcome(work)
    }
}

extension StageKind {
    /// Many outputs, one a tensor.
    var isTensors: Bool { self == .quantize || self == .quantizeJointly }
    /// What passes over the float model left is of no more use.
    var isAfterCodes: Bool {
        switch self {
        case .pack, .screen, .rungs, .calibrate, .learned, .quality: true
        default: false
        }
    }
}
