import Bundle
import Chat
import Evaluation
import Kernels
import Scoring
import Model
import Pipeline
import Runtime
import Storage
import Text

/// Everything `inspect` tells about a bundle.
struct BundleReport {
    let bundle: Bundle
    private let quality: Quality?
    private let calibrated: [CalibratedSchedule]
    private let adaptive: AdaptiveSchedule?
    private let learned: LearnedScheduler?
    /// What runs where no schedule is named.
    private let unnamed: ScheduleChoice
    private let texts: CalibrationTexts
    private let chatName: String?
    /// nil: the bundle has none.
    private let tokenizer: Tokenizer?
    private let served: [Precision]
    private let bytesPerToken: [Precision: Int]
    private let head: WeightMatrix
    private let screens: [HeadScreen]

    init(_ bundle: Bundle) throws {
        self.bundle = bundle
        quality = try bundle.quality()
        calibrated = try bundle.schedules()
        adaptive = try bundle.adaptiveSchedule()
        learned = try bundle.learnedScheduler()
        unnamed = try ScheduleChoice(.unnamed, of: bundle)
        texts = try CalibrationTexts(bundle)
        chatName = try bundle.json(SectionName.chat)?["name"]?.string
        tokenizer = (try? bundle.tokenizer()).flatMap { try? Tokenizer(compact: $0, place: bundle.path) }
        served = try bundle.servedPrecisions()
        bytesPerToken = Dictionary(
            uniqueKeysWithValues: try served.map { ($0, try bundle.bytesPerToken(bits: $0)) })
        head = try bundle.weights(TensorName.head)
        screens = try bundle.headScreens()
    }

    /// "28.5 MB", or the least and the most where the head has precisions of its own; with screens what greedy decoding reads on
    /// average.
    private var headText: String {
        func text(_ bytes: (Int) -> Int) -> String {
            let (low, high) = (bytes(2), bytes(16))
            return low == high ? byteText(low) : byteText(low) + " to " + byteText(high)
        }
        let whole = text { head.bytesRead(bits: $0) }
        guard !screens.isEmpty else { return whole }
        let part = text { bits in
            screens.map { $0.expectedBytes(of: head, bits: bits, leading: 1) }.reduce(head.bytesRead(bits: bits), min)
        }
        return part + " (whole: " + whole + ")"
    }

    /// "; rungs 2.5, 3.5", or nothing.
    private var rungText: String {
        let rungs = served.filter(\.isRung)
        return rungs.isEmpty ? "" : "; rungs " + Precision.text(rungs)
    }

    private func group(_ section: SectionInfo) -> String {
        let pieces = section.name.split(separator: ".")
        return pieces.count == 3 ? String(pieces[0]) + " " + String(pieces[1]) : section.name
    }

    /// "llama, 134.5 million weights, 30 layers, ...".
    static func shapeText(_ model: ModelConfig) -> String {
        let count = model.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) }
        return "\(model.family), \(fixed(Double(count) / 1e6, 1)) million weights, \(model.layerCount) layers, hidden "
            + "\(model.hiddenSize), \(model.headCount) heads (\(model.kvHeadCount) KV), vocabulary "
            + "\(model.vocabularySize), context \(model.contextLength)"
    }

    /// Every precision and calibrated schedule with what it reads and how good it is.
    func qualityLines() -> [String] {
        var table = TextTable(["bits", "bytes/token", "perplexity", "over full", "KL mean", "KL p99", "top-1"])
        let full = quality?.fullPerplexity
        func add(_ name: String, _ byteCount: Int?, _ row: Quality.Row?) {
            func number(_ value: Double?, _ digits: Int) -> String { value.map { fixed($0, digits) } ?? "-" }
            table.add([
                name, byteCount.map { byteText($0) } ?? "-", number(row?.perplexity, 2),
                number(quality?.overFull(row), 3), number(row?.meanDivergence, 4), number(row?.divergence99, 3),
                row?.topAgreement.map { fixed($0 * 100, 1) + "%" } ?? "-",
            ])
        }
        for bits in served.reversed() { add(bits.text, bytesPerToken[bits], quality?.row(bits)) }
        for record in calibrated {
            if let row = quality?.row(record) { add(record.task, row.bytesPerToken, row) }
        }
        var lines = table.lines()
        if let quality, let full {
            lines.append(
                "  full precision \(fixed(full, 2)) on \(quality.text ?? "?"), "
                    + "\(quality.windowCount) windows of \(quality.window)"
                    + (quality.textChecksum.map { ", checksum " + printable($0) } ?? "")
            )
        }
        if let warning = quality?.warning(of: served) { lines.append("  warning: " + warning) }
        return lines
    }

    func lines(tensors: Bool, schedules: Bool) -> [String] {
        let model = bundle.manifest.model
        var lines = [
            Console.strong(bundle.path) + "  \(byteText(bundle.byteCount))",
            "",
            "model      " + BundleReport.shapeText(model),
            "chat       \(chatName ?? "none")    end tokens \(EndTokenReport.text(model.eosTokens, tokenizer))",
            "precisions \(bundle.manifest.precisions.map(String.init).joined(separator: ", ")) bits\(rungText); head read at \(headText) a token",
            "",
        ]
        if let blocks = BlockReport.text(model) { lines.insert("blocks     " + blocks, at: 3) }
        lines += qualityLines()
        lines += ["", Console.strong("schedules")]
        if calibrated.isEmpty, learned == nil, adaptive == nil {
            lines.append(
                "  none; add one with: taper calibrate \(printable(bundle.path, limit: 4000)) --task NAME --data FILE")
        }
        lines.append("  where none is named: \(unnamed.name) \(unnamed.scheduler.text)")
        for record in calibrated {
            if schedules {
                lines += ScheduleReport.lines(record).map { "  " + $0 }
                if let warning = record.noiseWarning { lines.append("    warning: " + warning) }
            } else {
                lines.append(
                    "  \(record.task): prefill \(record.schedule.prefillBits), decode \(record.schedule.text), average "
                        + "\(fixed(record.averageBits, 2)) bits, \(record.metric) \(fixed(record.score, 4)) "
                        + "(\(fixed(record.referenceScore, 4)) at the highest precision)")
            }
        }
        if let adaptive {
            let all = ScheduleReport.lines(adaptive).map { "  " + $0 }
            lines += schedules ? all : Array(all.prefix(1))
        }
        if let learned {
            let all = LearnedReport.lines(learned).map { "  " + $0 }
            lines += schedules ? all : Array(all.prefix(1))
        }
        lines += ["", Console.strong("texts it was made with")]
        if texts.sources.isEmpty { lines.append("  not recorded") }
        for source in texts.sources {
            lines.append("  \(printable(source.use)): \(printable(source.name)), \(byteText(source.byteCount))")
        }
        lines += ["", Console.strong("sections")]
        var sections = TextTable(["section", "stored", "raw", "share", "kind"])
        for section in bundle.sections {
            let share = Double(section.storedByteCount) / Double(max(bundle.byteCount, 1)) * 100
            sections.add([
                section.name, byteText(section.storedByteCount), byteText(section.rawByteCount), fixed(share, 1) + "%",
                section.kind == .zstd ? "zstd" : "mapped",
            ])
        }
        lines += sections.lines()
        lines += ["", Console.strong("provenance")]
        for member in bundle.manifest.provenance.members ?? [] {
            lines.append(
                "  \(member.key): \(member.value.string.map { printable($0, limit: 200) } ?? member.value.text())")
        }
        if tensors {
            lines += ["", Console.strong("tensors")]
            var list = TextTable(["tensor", "shape", "encoding", "precisions"])
            for tensor in bundle.manifest.tensors {
                let (encoding, precisions): (String, String) =
                    switch tensor.encoding {
                    case .nested(let group, let bits):
                        ("nested (\(group))", bits.map(String.init).joined(separator: ","))
                    case .int8: ("int8", "8")
                    case .float: ("f32", "-")
                    }
                list.add([tensor.name, tensor.shape.map(String.init).joined(separator: " x "), encoding, precisions])
            }
            lines += list.lines()
        }
        return lines
    }

    func json(tensors: Bool) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("schema", .string("taper-inspect-1")), .init("kind", .string("bundle")),
            .init("bytes", .integer(bundle.byteCount)), .init("model", bundle.manifest.model.json),
            .init("end_tokens", EndTokenReport.json(bundle.manifest.model.eosTokens, tokenizer)),
            .init(
                "precisions",
                .array(
                    served.map { bits in
                        .object([
                            .init("bits", bits.json), .init("bytes_per_token", .integer(bytesPerToken[bits] ?? 0)),
                            .init("quality", quality?.row(bits)?.json ?? .null),
                        ])
                    })),
            .init("quality", quality?.json ?? .null), .init("schedules", .array(calibrated.map(\.json))),
            .init("adaptive", adaptive?.json ?? .null), .init("learned", learned?.json ?? .null),
            .init("head_screens", HeadScreenReport.json(screens)),
            .init(
                "texts",
                .array(
                    texts.sources.map { source in
                        .object([
                            .init("use", .string(source.use)), .init("name", .string(source.name)),
                            .init("bytes", .integer(source.byteCount)),
                            .init("checksum", .string(String(source.checksum, radix: 16))),
                        ])
                    })),
            .init("chat", chatName.map { .string($0) } ?? .null), .init("provenance", bundle.manifest.provenance),
            .init(
                "sections",
                .array(
                    bundle.sections.map { section in
                        .object([
                            .init("name", .string(section.name)), .init("offset", .integer(section.offset)),
                            .init("stored_bytes", .integer(section.storedByteCount)),
                            .init("raw_bytes", .integer(section.rawByteCount)),
                            .init("compressed", .bool(section.kind == .zstd)),
                        ])
                    })),
        ]
        if tensors, let list = bundle.manifest.json["tensors"] { members.append(.init("tensors", list)) }
        return .object(members)
    }
}
