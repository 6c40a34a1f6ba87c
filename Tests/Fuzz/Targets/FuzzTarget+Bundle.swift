import Bundle
import Kernels
import Model
import Runtime
import Storage
import Text

extension FuzzTarget {
    static let bundles: [FuzzTarget] = [
        FuzzTarget(
            "bundle", seeds: ["formats/golden/valid/*", "formats/golden/must-fail/*", "formats/golden/chat/valid/*"],
            maximumByteCount: 1 << 16
        ) { bytes, folder in
            if let sealed = sealed(bytes) { try? readBundle(folder.file("sealed.taper", sealed)) }
            try readBundle(folder.file("input.taper", bytes))
        },
        // Sections by themselves, for which no checksum has to be right.
        FuzzTarget("chat-section", seeds: ["Tests/Fuzz/seeds/chat-section/*"]) { bytes, _ in
            let template = try ChatTemplate(json: try JSONValue.parse(bytes, place: "input"), place: "input")
            _ = try template.render(conversation, addGenerationPrompt: true)
        },
        FuzzTarget("manifest", seeds: ["Tests/Fuzz/seeds/manifest/*"], maximumByteCount: 1 << 15) { bytes, _ in
            let manifest = try Manifest(json: try JSONValue.parse(bytes, place: "input"), place: "input")
            _ = try Manifest(json: manifest.json, place: "written")
        },
        FuzzTarget("compact-tokenizer", seeds: ["Tests/Fuzz/seeds/compact-tokenizer/*"], maximumByteCount: 1 << 15) {
            bytes, _ in try exercise(try Tokenizer(compact: bytes, place: "input"))
        },
        FuzzTarget("zstd", seeds: ["Tests/Fuzz/seeds/zstd/*"]) { bytes, _ in
            // The size is what the table of sections says; here the first two bytes do.
            guard bytes.count > 2 else { return }
            let count = Int(bytes[0]) << 8 | Int(bytes[1])
            let unpacked = try Array(bytes[2...]).withBytes { raw throws(TaperError) in
                try Zstd.decompress(raw, byteCount: count, place: "input")
            }
            precondition(unpacked.count == count, "another size than asked for")
        },
    ]

    static let conversation = [
        ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: "Hi <|im_end|>\n"),
        ChatMessage(role: "assistant", content: "  Hello.  "), ChatMessage(role: "user", content: "And you?"),
    ]

    /// Everything that the runner and `taper inspect` read.
    private static func readBundle(_ path: String) throws {
        let bundle = try Bundle(path: path)
        _ = bundle.verify()
        for section in bundle.sections where section.kind == .zstd { _ = try? bundle.json(section.name) }
        if let tokenizer = try? Tokenizer(compact: try bundle.tokenizer(), place: path) { try? exercise(tokenizer) }
        if let json = try? bundle.json(SectionName.chat), let form = try? ChatTemplate(json: json, place: path) {
            _ = try? form.render(conversation, addGenerationPrompt: true)
        }
        _ = try? bundle.schedules()
        _ = try? bundle.learnedScheduler()
        _ = try? bundle.quality()
        _ = try? bundle.headScreens()
        for tensor in bundle.manifest.tensors { _ = try? bundle.weights(tensor.name) }
        let weights = try TransformerWeights(bundle)
        guard weights.config.contextLength > 0, weights.config.layerCount <= 8 else { return }
        let pool = ThreadPool(threadCount: 1, instructionSet: .available[0])
        let engine = try Engine(weights, contextLength: 8, pool: pool)
        _ = try engine.makeSequence()
    }

    /// The bytes with checksums that are right, where there is a table: damage is otherwise found before anything is read.
    private static func sealed(_ bytes: [UInt8]) -> [UInt8]? {
        func number(_ at: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
        guard bytes.count >= 64 else { return nil }
        var out = bytes
        func put(_ value: UInt64, at offset: Int) {
            for index in 0..<8 { out[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        }
        put(UInt64(bytes.count), at: 16)
        let count = number(40, 4)
        guard (1...256).contains(count), 64 + 80 * Int(count) <= bytes.count else { return nil }
        // Every section is one block of a mebibyte at most, so the list holds one checksum a section.
        var list: [UInt64] = []
        for index in 0..<Int(count) {
            let entry = 64 + 80 * index
            let (offset, stored) = (number(entry + 48, 8), number(entry + 56, 8))
            guard offset <= UInt64(bytes.count), stored <= UInt64(bytes.count) - offset else { break }
            let range = Int(offset)..<Int(offset + stored)
            if index == Int(count) - 1 {
                for (position, sum) in list.enumerated() where 8 * position + 8 <= range.count {
                    put(sum, at: range.lowerBound + 8 * position)
                }
            }
            let sum = checksum(Array(out[range]))
            list.append(sum)
            put(sum, at: entry + 72)
        }
        put(checksum(Array(out[0..<56]), seed: checksum(Array(out[64..<64 + 80 * Int(count)]))), at: 56)
        return out
    }
}
