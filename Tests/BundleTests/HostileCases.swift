import Bundle
import Storage
import Testing

/// Files that must be refused, one broken rule each. The same list makes `formats/golden/must-fail`.
struct HostileCase: Sendable, CustomTestStringConvertible {
    let name: String
    let code: TaperError.Code
    /// Words the message must contain.
    let says: String
    let make: @Sendable () throws -> [UInt8]

    var testDescription: String { name }

    /// Kept as a file too: every rule's plainest case, where the bytes are small.
    var isGolden: Bool { !HostileCase.unkept.contains(name) }
    private static let unkept: Set<String> = [
        "empty", "header-only", "cut-in-header", "cut-in-table", "two-bundles-concatenated", "file-length-longer",
        "sections-2-32", "sections-one-too-many", "name-empty", "name-with-escape", "zstd-1-mib-claimed", "zstd-cut",
        "zstd-not-a-frame", "model-hidden-size-larger", "tensor-shape-text", "precision-9", "plane-section-long",
        "manifest-deep", "precisions-empty", "header-length", "alignment", "version-0", "file-length-2-64",
        "offset-2-64", "sections-swapped", "mapped-with-other-raw-length", "schedule-not-an-array",
        "schedule-no-steps", "schedule-no-tokens", "schedule-prefill-not-held", "scale-infinite", "zstd-two-frames",
        "bytes-byte", "table-entry-byte", "half-nan", "half-section-compressed", "model-absurdly-large",
        "tensor-shape-negative", "vector-byte", "model-norm-placement-null", "model-attention-cap-text",
        "model-logit-cap-negative", "model-layers-too-many", "model-layers-window-text", "model-layers-rope-array",
        "model-layers-rope-larger-than-head", "model-yarn-beta-missing", "model-scaling-factor-too-large",
        "model-key-unknown-in-schema-2", "model-scaling-null", "model-yarn-context-0",
    ]

    /// The bundle that the cases damage: five sections and the checksums.
    static let base = TinyBundle(precisions: [2], tokenizer: nil, documents: [])

    private static func bytes(
        _ name: String, _ says: String, _ code: TaperError.Code = .badData,
        _ edit: @escaping @Sendable (inout [UInt8]) -> Void
    ) -> HostileCase {
        HostileCase(name: name, code: code, says: says) {
            var bytes = try base.bytes()
            edit(&bytes)
            return bytes
        }
    }
    private static func forged(
        _ name: String, _ says: String, _ code: TaperError.Code = .badData,
        _ edit: @escaping @Sendable (inout Forge) throws -> Void
    ) -> HostileCase {
        HostileCase(name: name, code: code, says: says) {
            var forge = Forge(try base.bytes())
            try edit(&forge)
            return forge.bytes()
        }
    }
    /// Of a bundle with 16 bits: section 5 is "linear.half".
    private static func halved(
        _ name: String, _ says: String, _ edit: @escaping @Sendable (inout Forge) throws -> Void
    ) -> HostileCase {
        HostileCase(name: "half-" + name, code: .badData, says: says) {
            var forge = Forge(try TinyBundle(precisions: [2, 16], tokenizer: nil, documents: []).bytes())
            precondition(forge.sections[5].text == "linear.half", "the section lies elsewhere")
            try edit(&forge)
            return forge.bytes()
        }
    }
    /// Of a bundle of 2, 3 and 4 bits with this section "rungs".
    private static func rung(_ name: String, _ says: String, _ json: String) -> HostileCase {
        HostileCase(name: "rung-" + name, code: .badData, says: says) {
            var forge = Forge(try TinyBundle(precisions: [2, 3, 4], tokenizer: nil, documents: []).bytes())
            try forge.add("rungs", json: json)
            return forge.bytes()
        }
    }
    private static func schedule(_ name: String, _ says: String, _ json: String) -> HostileCase {
        forged("schedule-" + name, says) { try $0.add("schedules", json: json) }
    }
    private static func scheduleText(_ steps: String, prefill: Int = 2, task: String = "t", limit: Int = 48) -> String {
        "{\"task\":\"\(task)\",\"metric\":\"rouge-l\",\"prefill_bits\":\(prefill),\"steps\":\(steps),"
            + "\"max_new_tokens\":\(limit),\"average_bits\":2,\"score\":0.5,\"reference_score\":0.5,\"tolerance\":0}"
    }

    static let all: [HostileCase] =
        damaged + header + table + frames + manifest + tensors + halves + schedules
        + rungs + adaptiveSchedule + learnedScheduler + headScreens + descriptions

    /// One byte of damage, or a piece missing or too much.
    static let damaged: [HostileCase] = [
        bytes("empty", "magic") { $0 = [] },
        bytes("magic", "not a taper bundle") { $0[0] ^= 0x20 },
        bytes("header-only", "cut short") { $0 = Array($0[0..<64]) },
        bytes("cut-in-header", "past the end") { $0 = Array($0[0..<40]) },
        bytes("cut-in-table", "cut short") { $0 = Array($0[0..<200]) },
        bytes("cut-by-one-byte", "cut short") { $0.removeLast() },
        bytes("one-byte-too-many", "bytes follow") { $0.append(0) },
        bytes("two-bundles-concatenated", "bytes follow") { $0 += $0 },
        bytes("header-checksum", "damaged") { $0[56] ^= 1 },
        bytes("table-byte", "damaged") { $0[64 + 50] ^= 1 },
        bytes("manifest-byte", "section manifest: damaged") { $0[4096 + 100] ^= 1 },
        bytes("vector-byte", "section vectors: damaged") { $0[8192 + 5] ^= 1 },
        bytes("bytes-byte", "section bytes: damaged") { $0[12288 + 5] ^= 1 },
        bytes("plane-byte", "section linear.planes.2: damaged between bytes 16384 and") { $0[16384 + 5] ^= 0x80 },
        bytes("table-entry-byte", "section linear.tables.2: damaged") { $0[20480 + 5] ^= 1 },
        bytes("checksum-list-byte", "list of checksums is damaged") { $0[$0.count - 1] ^= 1 },
        bytes("padding-byte", "padding before section vectors is not zero at byte 8191") { $0[8191] = 1 },
    ]

    static let header: [HostileCase] = [
        forged("version-0", "version 0", .unsupported) { $0.version = 0 },
        forged("version-1", "Convert the checkpoint again", .unsupported) { $0.version = 1 },
        forged("version-3", "newer version", .unsupported) { $0.version = 3 },
        forged("required-feature", "features", .unsupported) { $0.required = 1 << 63 },
        forged("header-length", "fixed fields") { $0.headerByteCount = 128 },
        forged("alignment", "fixed fields") { $0.alignment = 64 },
        forged("header-reserved", "fixed fields") { $0.headerReserved = 1 },
        forged("file-length-2-64", "too large") { $0.fileByteCount = .max },
        forged("file-length-longer", "cut short") { $0.fileByteCount = 1 << 30 },
        forged("sections-0", "number of sections") { $0.sectionCount = 0 },
        forged("sections-2-32", "number of sections") { $0.sectionCount = .max },
        forged("sections-one-too-many", "damaged") { $0.sectionCount = UInt32($0.sections.count + 2) },
    ]

    static let table: [HostileCase] = [
        forged("name-not-utf8", "name is not acceptable") { $0.sections[1].name = [0xff, 0xfe] },
        forged("name-empty", "name is not acceptable") { $0.sections[1].name = [] },
        forged("name-with-escape", "name is not acceptable") { $0.sections[1].name = Array("\u{1b}[31m".utf8) },
        forged("name-bytes-after-nul", "name is not acceptable") { $0.sections[1].name = Array("vectors\0x".utf8) },
        forged("name-twice", "one name") { $0.sections[1].name = Array("bytes".utf8) },
        forged("section-kind", "unknown kind") { $0.sections[1].kind = 2 },
        forged("section-reserved", "unknown kind") { $0.sections[1].reserved = 1 },
        forged("offset-overlap", "does not follow") { $0.sections[2].offset = 8192 },
        forged("offset-hole", "does not follow") { $0.sections[2].offset = 16384 },
        forged("offset-2-64", "too large") { $0.sections[2].offset = .max },
        forged("length-2-64", "too large") { $0.sections[2].storedByteCount = .max },
        forged("length-past-end", "length is impossible") { $0.sections[2].storedByteCount = 9000 },
        forged("sections-swapped", "does not follow") {
            let first = $0.sections[2].offset
            $0.sections[2].offset = 16384
            $0.sections[3].offset = first ?? 12288
        },
        forged("mapped-with-other-raw-length", "length is impossible") { $0.sections[1].rawByteCount += 1 },
        forged("checksums-not-last", "last section") { $0.listName = Array("sums".utf8) },
        forged("plane-section-without-tensors", "belongs to no tensor") {
            $0.sections.append($0.sections[3])
            $0.sections[5].name = Array("linear.planes.3".utf8)
        },
    ]

    static let frames: [HostileCase] = [
        forged("zstd-other-size", "declares another size") { $0.sections[0].rawByteCount += 1 },
        forged("zstd-bomb", "too large") { $0.sections[0].rawByteCount = 10_000_000_000 },
        forged("zstd-1-mib-claimed", "declares another size") { $0.sections[0].rawByteCount = 1 << 20 },
        // A few hundred bytes that would unpack to five megabytes of JSON, and that to half a gigabyte of objects.
        forged("manifest-too-large", "too large") {
            try $0.compress("manifest", Array(("[" + String(repeating: "0,", count: 2_500_000) + "0]").utf8))
        },
        // One raw block of two bytes, "{}", under a header without a content size.
        forged("zstd-without-content-size", "declares another size") {
            $0.sections[0].stored = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x11, 0x00, 0x00, 0x7b, 0x7d]
            $0.sections[0].rawByteCount = 2
        },
        forged("zstd-two-frames", "after the zstd frame") { $0.sections[0].stored += $0.sections[0].stored },
        forged("zstd-cut", "cut short") { $0.sections[0].stored.removeLast() },
        forged("zstd-checksum", "damaged zstd frame") {
            $0.sections[0].stored[$0.sections[0].stored.count - 1] ^= 1
        },
        forged("zstd-not-a-frame", "not a zstd frame") {
            $0.sections[0].stored = Array("{}".utf8)
            $0.sections[0].rawByteCount = 2
        },
        // A frame header with the flag for a four-byte dictionary id, and that id.
        forged("zstd-dictionary", "dictionary") {
            var frame = $0.sections[0].stored
            let sizeFlag = Int(frame[4] >> 6)
            frame[4] |= 3
            let isSingle = frame[4] & 0x20 != 0
            frame.insert(contentsOf: [1, 2, 3, 4], at: isSingle ? 5 : 6)
            precondition(sizeFlag > 0, "no content size")
            $0.sections[0].stored = frame
        },
    ]

    static let manifest: [HostileCase] = [
        forged("manifest-missing", "no manifest") { $0.sections.remove(at: 0) },
        forged("manifest-not-json", "not valid JSON") { try $0.compress("manifest", Array("{".utf8)) },
        forged("manifest-key-twice", "twice") { try $0.edit("manifest", "\"schema\"", "\"schema\":1,\"schema\"") },
        forged("manifest-schema", "unknown manifest schema", .unsupported) {
            try $0.edit("manifest", "taper-bundle-1", "taper-bundle-9")
        },
        forged("manifest-deep", "JSON") {
            let deep = String(repeating: "[", count: 100_000)
            try $0.edit("manifest", "\"tiny\"", deep)
        },
        forged("model-hidden-size-0", "hidden_size") {
            try $0.edit("manifest", "\"hidden_size\":8", "\"hidden_size\":0")
        },
        forged("model-hidden-size-larger", "has another shape") {
            try $0.edit("manifest", "\"hidden_size\":8", "\"hidden_size\":16")
        },
        forged("model-absurdly-large", "another shape") {
            try $0.edit("manifest", "\"head_dim\":4", "\"head_dim\":65536")
        },
        forged("precisions-unsorted", "ascending") {
            try $0.edit("manifest", "\"precisions\":[2],\"prov", "\"precisions\":[3,2],\"prov")
        },
        forged("precisions-empty", "ascending") {
            try $0.edit("manifest", "\"precisions\":[2],\"prov", "\"precisions\":[],\"prov")
        },
        forged("precision-9", "ascending") { try $0.edit("manifest", "\"precisions\":[2]", "\"precisions\":[9]") },
    ]

    static let tensors: [HostileCase] = [
        forged("tensor-missing", "tensor model.norm.weight is missing") {
            try $0.edit("manifest", "\"name\":\"model.norm.weight\"", "\"name\":\"model.norm.weigh\"")
        },
        forged("tensor-twice", "used twice") { try $0.edit("manifest", "k_proj", "q_proj") },
        forged("tensor-shape-negative", "another shape") { try $0.edit("manifest", "[11,8]", "[-11,8]") },
        forged("tensor-shape-text", "integers") { try $0.edit("manifest", "[11,8]", "[\"11\",8]") },
        forged("tensor-encoding", "unknown encoding", .unsupported) {
            try $0.edit("manifest", "\"int8\"", "\"int7\"")
        },
        forged("tensor-precision-not-held", "does not serve") {
            try $0.edit("manifest", "\"precisions\":[2],\"prov", "\"precisions\":[2,3],\"prov")
        },
        forged("tensor-plane-missing", "linear.planes.3 is missing") {
            try $0.edit("manifest", "\"precisions\":[2]", "\"precisions\":[2,3]")
        },
        forged("tensor-in-wrong-group", "stored in the wrong way") {
            try $0.edit("manifest", "\"linear\"", "\"embedding\"")
        },
        forged("tensor-group-name", "group name") {
            try $0.edit(
                "manifest", "\"encoding\":\"int8\"", "\"encoding\":\"nested\",\"group\":\"../x\",\"precisions\":[2]")
        },
        forged("linear-as-bytes", "stored in the wrong way") {
            try $0.edit(
                "manifest", "\"encoding\":\"nested\",\"group\":\"linear\",\"precisions\":[2]", "\"encoding\":\"int8\"")
        },
        forged("plane-section-missing", "linear.planes.2 is missing") { $0.sections.remove(at: 3) },
        forged("plane-section-short", "does not match the tensors") {
            $0.sections[3].stored.removeLast(64)
            $0.sections[3].rawByteCount -= 64
        },
        forged("plane-section-long", "does not match the tensors") {
            $0.sections[3].stored += [UInt8](repeating: 0, count: 64)
            $0.sections[3].rawByteCount += 64
        },
        forged("plane-section-compressed", "does not match the tensors") {
            let raw = $0.sections[3].stored
            $0.sections[3].kind = 1
            try $0.compress("linear.planes.2", raw)
        },
        forged("scale-nan", "not finite") {
            // The first tensor's scales follow its 8 x 4 entries at the next multiple of 64.
            $0.sections[4].stored.replaceSubrange(64..<68, with: Forge.u32(Float.nan.bitPattern))
        },
        forged("scale-infinite", "not finite") {
            let at = $0.sections[2].stored.count - 4
            $0.sections[2].stored.replaceSubrange(at..<at + 4, with: Forge.u32(Float.infinity.bitPattern))
        },
        forged("vector-nan", "not finite") {
            $0.sections[1].stored.replaceSubrange(0..<4, with: Forge.u32(Float.nan.bitPattern))
        },
    ]

    static let halves: [HostileCase] = [
        halved("section-missing", "linear.half is missing") {
            $0.sections.remove(at: 5)
            $0.required = 0
        },
        halved("section-without-precision", "linear.half belongs to no tensor") {
            try $0.edit("manifest", "\"precisions\":[2,16]", "\"precisions\":[2]")
        },
        halved("section-short", "section linear.half does not match the tensors") {
            $0.sections[5].stored.removeLast(128)
            $0.sections[5].rawByteCount -= 128
        },
        halved("section-compressed", "section linear.half does not match the tensors") {
            let raw = $0.sections[5].stored
            $0.sections[5].kind = 1
            try $0.compress("linear.half", raw)
        },
        halved("feature-missing", "required features contradict") { $0.required = 0 },
        forged("half-feature-without-section", "required features contradict") { $0.required = 1 },
        halved("alone", "16 beside them") {
            try $0.edit("manifest", "\"precisions\":[2,16]", "\"precisions\":[16]")
        },
        halved("embedding", "only the group linear has 16 bits") {
            try $0.edit(
                "manifest", "\"encoding\":\"int8\"",
                "\"encoding\":\"nested\",\"group\":\"embedding\",\"precisions\":[2,16]")
        },
        halved("infinite", "16-bit weight is not finite") {
            $0.sections[5].stored.replaceSubrange(2..<4, with: [0, 0x7c])
        },
        halved("nan", "16-bit weight is not finite") { $0.sections[5].stored.replaceSubrange(2..<4, with: [1, 0xfe]) },
        HostileCase(name: "half-byte", code: .badData, says: "section linear.half: damaged") {
            let forge = Forge(try TinyBundle(precisions: [2, 16], tokenizer: nil, documents: []).bytes())
            var bytes = forge.bytes()
            // Sections 0 to 5 begin at pages 1 to 6 but "linear.planes.2", which is shorter than a page too.
            bytes[6 * 4096 + 5] ^= 1
            return bytes
        },
    ]

    static let schedules: [HostileCase] = [
        schedule("not-an-array", "not an array", "{}"),
        schedule("no-steps", "steps", "[\(scheduleText("[]"))]"),
        schedule("starts-late", "start at 0", "[\(scheduleText("[{\"from_step\":1,\"bits\":2}]"))]"),
        schedule("negative-step", "steps", "[\(scheduleText("[{\"from_step\":-1,\"bits\":2}]"))]"),
        schedule(
            "steps-unsorted", "must rise",
            "[\(scheduleText("[{\"from_step\":0,\"bits\":4},{\"from_step\":8,\"bits\":3},{\"from_step\":8,\"bits\":2}]"))]"
        ),
        schedule(
            "bits-rise", "only step down",
            "[\(scheduleText("[{\"from_step\":0,\"bits\":2},{\"from_step\":8,\"bits\":3}]"))]"),
        schedule("precision-not-held", "holds no 3-bit", "[\(scheduleText("[{\"from_step\":0,\"bits\":3}]"))]"),
        schedule(
            "prefill-not-held", "holds no 8-bit", "[\(scheduleText("[{\"from_step\":0,\"bits\":2}]", prefill: 8))]"),
        schedule("no-tokens", "max_new_tokens", "[\(scheduleText("[{\"from_step\":0,\"bits\":2}]", limit: 0))]"),
        schedule(
            "task-twice", "two schedules",
            "[\(scheduleText("[{\"from_step\":0,\"bits\":2}]")),\(scheduleText("[{\"from_step\":0,\"bits\":2}]"))]"),
    ]

    /// The blocks' matrices are q, k, v, o of 64, 32, 32, 64 weights and gate, up, down of 96.
    static let rungs: [HostileCase] = [
        rung("not-an-array", "not an array", "{}"),
        rung("bits-missing", "is no rung", "[{\"tensors\":[3,3,3,3,2,2,2]}]"),
        rung("bits-whole", "is no rung", "[{\"bits\":3,\"tensors\":[3,3,3,3,3,3,3]}]"),
        rung("bits-thousandths", "is no rung", "[{\"bits\":2.405,\"tensors\":[3,3,3,3,2,2,2]}]"),
        rung("tensors-missing", "another number of tensors", "[{\"bits\":2.4}]"),
        rung("tensor-left-out", "another number of tensors", "[{\"bits\":2.4,\"tensors\":[3,3,3,3,2,2]}]"),
        rung("tensor-fraction", "no array of integers", "[{\"bits\":2.4,\"tensors\":[3,3,3,3,2,2,2.5]}]"),
        rung("precision-not-held", "precision the bundle lacks", "[{\"bits\":2.8,\"tensors\":[6,3,3,3,2,2,2]}]"),
        rung("other-average", "not what its name says", "[{\"bits\":2.5,\"tensors\":[3,3,3,3,2,2,2]}]"),
        rung(
            "unsorted", "must rise",
            "[{\"bits\":2.6,\"tensors\":[2,2,2,2,3,3,3]},{\"bits\":2.4,\"tensors\":[3,3,3,3,2,2,2]}]"),
        rung(
            "twice", "must rise",
            "[{\"bits\":2.4,\"tensors\":[3,3,3,3,2,2,2]},{\"bits\":2.4,\"tensors\":[3,3,3,3,2,2,2]}]"),
        // Gate and up have 12 rows, padded to 16; k and v have 4, padded to 8: fewer bits, more bytes.
        rung(
            "bytes-do-not-fall", "reads no fewer bytes",
            "[{\"bits\":2.4,\"tensors\":[2,2,2,2,3,3,2]},{\"bits\":2.43,\"tensors\":[3,3,3,3,2,2,2]}]"),
        rung("below-the-lowest", "outside the bundle", "[{\"bits\":1.97,\"tensors\":[2,2,2,2,2,2,2]}]"),
        rung("as-bytes-as-its-neighbour", "reads no fewer bytes", "[{\"bits\":2.97,\"tensors\":[3,3,3,3,3,3,3]}]"),
        forged("schedule-rung-not-held", "no rung of 2.5") {
            try $0.add("schedules", json: "[\(scheduleText("[{\"from_step\":0,\"bits\":2.5}]"))]")
        },
    ]
}
