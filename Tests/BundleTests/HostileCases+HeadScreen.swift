import Bundle
import Model
import Storage

extension HostileCase {
    private static func screen(
        _ name: String, _ says: String, _ code: TaperError.Code = .badData,
        _ edit: @escaping @Sendable (inout Forge) throws -> Void
    ) -> HostileCase {
        HostileCase(name: "head-screen-" + name, code: code, says: says) {
            var forge = Forge(try TinyBundle.withScreens.bytes())
            try edit(&forge)
            return forge.bytes()
        }
    }
    /// Other bytes at an offset of the section.
    private static func bytes(
        _ name: String, _ says: String, at offset: Int, _ bytes: [UInt8], _ code: TaperError.Code = .badData
    ) -> HostileCase {
        screen(name, says, code) { forge in
            let index = forge.index("head.screen.2")
            forge.sections[index].stored.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
    }
    private static func number(_ value: Float) -> [UInt8] { Forge.u32(value.bitPattern) }

    /// Of a bundle whose head has screens: 90 rows of 8 columns, one direction, 96 padded rows.
    static let headScreens: [HostileCase] = [
        bytes("bits-4", "leading bits", at: 4, Forge.u32(4)),
        bytes("bits-of-another", "does not match its header", at: 4, Forge.u32(3)),
        bytes("directions-65", "directions", at: 8, Forge.u32(65)),
        bytes("directions-2", "does not match its header", at: 8, Forge.u32(2)),
        bytes("rows", "another head", at: 12, Forge.u32(91)),
        bytes("rows-0", "rows", at: 12, Forge.u32(0)),
        bytes("columns", "another head", at: 16, Forge.u32(9)),
        bytes("margin-0", "margin", at: 20, number(0)),
        bytes("margin-nan", "margin", at: 20, number(.nan)),
        bytes("tokens", "tokens", at: 24, Forge.u64(.max)),
        bytes("misses", "misses", at: 32, Forge.u64(.max)),
        bytes("largest-negative", "largest deviation", at: 40, number(-1)),
        bytes("rows-for-one-infinite", "tile rows for one", at: 44, number(.infinity)),
        bytes("rows-for-forty-negative", "tile rows for forty", at: 48, number(-0.5)),
        bytes("of-another-head", "other codes or tables", at: 52, Forge.u64(1)),
        bytes("reserved", "reserved", at: 60, Forge.u32(1)),
        bytes("basis-nan", "not finite", at: 64, number(.nan)),
        bytes("unit-0", "not above 0", at: 128, number(0)),
        bytes("scale-infinite", "not finite", at: 192, number(.infinity)),
        bytes("projection-scale-nan", "not finite", at: 960, number(.nan)),
        bytes("deviation-negative", "negative", at: 1344, number(-1)),
        bytes("deviation-infinite", "not finite", at: 1344, number(.infinity)),
        screen("short", "does not match its header") { forge in
            let index = forge.index("head.screen.2")
            forge.sections[index].stored.removeLast()
            forge.sections[index].rawByteCount -= 1
        },
        screen("cut-in-header", "past the end") { forge in
            let index = forge.index("head.screen.2")
            forge.sections[index].stored = Array(forge.sections[index].stored.prefix(32))
            forge.sections[index].rawByteCount = 32
        },
        screen("compressed", "compressed") { forge in
            let index = forge.index("head.screen.2")
            forge.sections[index].kind = 1
            try forge.compress("head.screen.2", forge.sections[index].stored)
        },
        screen("name-of-another", "does not match its header") { forge in
            forge.sections[forge.index("head.screen.2")].name = Array("head.screen.x".utf8)
            forge.sections[forge.index("head.screen.3")].name = Array("head.screen.2".utf8)
        },
        HostileCase(name: "head-screen-of-its-own-bits", code: .badData, says: "nested codes") {
            var low = TinyBundle.withScreens
            (low.embedding, low.screens) = ([3, 5], [])
            var forge = Forge(try low.bytes())
            let other = Forge(try TinyBundle.withScreens.bytes())
            forge.sections.append(other.sections[other.index("head.screen.3")])
            return forge.bytes()
        },
        HostileCase(name: "head-screen-of-bytes", code: .badData, says: "nested codes") {
            var plain = TinyBundle.withScreens
            (plain.embedding, plain.screens) = (nil, [])
            var forge = Forge(try plain.bytes())
            let other = Forge(try TinyBundle.withScreens.bytes())
            forge.sections.append(other.sections[other.index("head.screen.2")])
            return forge.bytes()
        },
    ]
}
