import Bundle
import Model
import Runtime
import Storage

/// What a run does about memory, and says about it.
final class SessionMemory {
    let ceiling: PrecisionCeiling
    private let watch: MemoryWatch
    private let options: Options
    private let engine: Engine
    private let quality: Quality?
    /// Changes that were told.
    private var toldCount = 1
    private var toldShort = false

    /// nil where nothing was asked.
    init?(
        _ options: Options, _ engine: Engine, _ scheduler: DecodeScheduler, draft: Precision?, quality: Quality?
    ) throws(TaperError) {
        guard options.memoryLimit != nil || options.fits else { return nil }
        // What is missing from the beginning is a mistake; later on the last size holds.
        if case .file(let path)? = options.memoryLimit { _ = try MemoryWatch.size(inFile: path) }
        let watch = MemoryWatch(options.memoryLimit ?? .automatic)
        self.options = options
        self.engine = engine
        self.quality = quality
        self.watch = watch
        let rescue = scheduler.adaptiveRule.map { [$0.rescue] } ?? []
        ceiling = try PrecisionCeiling(
            engine, scheduled: [scheduler.prefillBits] + scheduler.decodeBits + rescue, draft: draft,
            fits: options.fits,
            interval: options.memoryLimit == nil ? .infinity : PrecisionCeiling.usualInterval
        ) { watch.read() }
        if options.quiet { return }
        warn()
        if options.fits { StandardStreams.note(fitText) }
    }

    private func warn() {
        for warning in watch.newWarnings() { StandardStreams.note("warning: " + warning) }
    }

    /// Between steps: what has changed since the last time.
    func tell() {
        if options.quiet { return }
        if ceiling.lookCount > 0 { warn() }
        if ceiling.isShort && !toldShort {
            toldShort = true
            StandardStreams.note("warning: the memory limit is less than the lowest precision needs, which goes on")
        }
        guard options.verbose else { return }
        while toldCount < ceiling.changes.count {
            let change = ceiling.changes[toldCount]
            toldCount += 1
            StandardStreams.note(
                joined([
                    "note: from step ", String(change.fromStep), " on ", need(change), ", ",
                    fixed(change.seconds * 1000, 1), " ms", cost(change.bits),
                ]))
        }
    }

    /// "4 bits, 980 MB of 1.1 GB".
    private func need(_ change: PrecisionCeiling.Change) -> String {
        joined([change.bits.text, " bits, ", byteText(change.neededBytes), limitText(change.limit)])
    }
    private func limitText(_ limit: Int?) -> String { limit.map { joined([" of ", byteText($0)]) } ?? "" }

    /// ", KL 0.0123, 1.02 times the perplexity of full precision"; nothing where it was not measured.
    private func cost(_ bits: Precision) -> String {
        let row = quality?.row(bits)
        var parts: [String] = []
        if let divergence = row?.meanDivergence { parts += [", KL ", fixed(divergence, 4)] }
        if let ratio = quality?.overFull(row) {
            parts += [", ", fixed(ratio, 3), " times the perplexity of full precision"]
        }
        return joined(parts)
    }

    private var fitText: String {
        let start = ceiling.changes[0]
        let (chosen, highest) = (start.bits, engine.weights.served.last ?? start.bits)
        var parts = ["fits: ", need(start), " with a full context"]
        if start.limit == nil { parts.append("; nothing limits memory here") }
        for bits in chosen < highest ? [chosen, highest] : [chosen] {
            let own = cost(bits)
            parts += [
                "; ", byteText(engine.weights.bytesPerToken(bits: bits)), " per token at ", bits.text, " bits",
                own.isEmpty ? ", whose quality was not measured" : own,
            ]
        }
        return joined(parts)
    }

    /// For the line after an answer.
    var text: String {
        var (least, most, resident) = (ceiling.allowed, ceiling.allowed, 0)
        for change in ceiling.changes {
            least = min(least, change.bits)
            most = max(most, change.bits)
            resident = max(resident, change.residentBytes)
        }
        var parts = ["memory for "]
        if least < most { parts += [least.text, " to "] }
        parts += [most.text, " bits"]
        if resident > 0 { parts += [", at most ", byteText(resident), " resident"] }
        parts.append(ceiling.latest.limit == nil ? ", no limit known" : limitText(ceiling.latest.limit))
        return joined(parts)
    }

    var json: JSONValue {
        var all = Members()
        all.add("limit_bytes", ceiling.latest.limit)
        all.add("fit_bits", options.fits ? ceiling.changes[0].bits : nil)
        all.list.append(.init("fits", .bool(!ceiling.isShort)))
        var levels: [JSONValue] = []
        for level in ceiling.levels {
            var own = quality(level.bits)
            own.add("weight_bytes", level.byteCount)
            levels.append(.object(own.list))
        }
        all.list.append(.init("levels", .array(levels)))
        var changes: [JSONValue] = []
        for change in ceiling.changes {
            var own = quality(change.bits)
            own.add("from_step", change.fromStep)
            own.add("limit_bytes", change.limit)
            own.add("needed_bytes", change.neededBytes)
            own.add("resident_bytes", change.residentBytes)
            own.add("seconds", change.seconds)
            own.add("longest_seconds", change.longestSeconds)
            own.add("first_step_seconds", change.firstStepSeconds)
            let others = change.stepCount - 1
            own.add("later_step_seconds", others > 0 ? change.laterStepsSeconds / Double(others) : nil)
            changes.append(.object(own.list))
        }
        all.list.append(.init("changes", .array(changes)))
        all.add("looks", ceiling.lookCount)
        all.add("seconds", ceiling.seconds)
        return .object(all.list)
    }

    private func quality(_ bits: Precision) -> Members {
        let row = quality?.row(bits)
        var own = Members()
        own.add("bits", bits)
        own.add("kl_mean", row?.meanDivergence)
        own.add("over_full", quality?.overFull(row))
        return own
    }
}

/// Members of a JSON object, null where a value is nil.
private struct Members {
    var list: [JSONValue.Member] = []

    // Inlined, they would be most of this file's code.
    @inline(never) mutating func add(_ key: String, _ value: Int?) {
        list.append(.init(key, value.map { .integer($0) } ?? .null))
    }
    @inline(never) mutating func add(_ key: String, _ value: Double?) {
        list.append(.init(key, value.map { .number($0) } ?? .null))
    }
    @inline(never) mutating func add(_ key: String, _ value: Precision?) {
        list.append(.init(key, value.map { $0.json } ?? .null))
    }
}

// Inlined wherever texts are put together, it would be most of this file's code.
@inline(never) private func joined(_ parts: [String]) -> String {
    var text = ""
    for part in parts { text += part }
    return text
}
