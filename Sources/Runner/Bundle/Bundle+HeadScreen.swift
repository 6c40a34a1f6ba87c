public import Kernels
import Model
public import Storage

extension Bundle {
    /// What finds the head's largest logits from its leading bits, in place; none where all of it has to be read. Verified against
    /// its checksums: damage would make tokens disappear. Sections of another version are passed over, since nothing but speed
    /// depends on them.
    /// - Throws: `badData` naming the rule of `formats/bundle.md` that is broken.
    public func headScreens() throws(TaperError) -> [HeadScreen] {
        let name = manifest.model.headName
        if let adoptedScreens {
            let head = try weights(name)
            return try adoptedScreens.map { draft throws(TaperError) in try draft.screen(of: head) }
        }
        var screens: [HeadScreen] = []
        for (index, section) in table.sections.enumerated() where SectionName.isHeadScreen(section.name) {
            let place = place(of: section.name)
            guard section.kind == .mapped else {
                throw TaperError(.badData, "the section is compressed", at: place, expected: "a mapped one")
            }
            let stored = UnsafeRawBufferPointer(rebasing: file.bytes[section.range])
            try Bundle.verifyBlocks(table, index, stored, place)
            do throws(TaperError) {
                let screen = try HeadScreenSection.screen(
                    stored, of: try weights(name), checksum: headChecksum, place: place)
                guard section.name == SectionName.headScreen(leadBits: screen.leadBits) else {
                    throw TaperError(
                        .badData, "the section's name does not match its header", at: place,
                        expected: SectionName.headScreen(leadBits: screen.leadBits), found: section.name)
                }
                screens.append(screen)
            } catch {
                if error.code != .unsupported { throw error }
            }
        }
        return screens
    }

    /// Of the head's codes and tables: XXH64 of the checksums of its group's sections, little-endian, in the order of the file.
    /// 0 where it is not in nested codes.
    public var headChecksum: UInt64 {
        let name = manifest.model.headName
        guard let head = manifest.tensors.first(where: { $0.name == name }), case .nested(let group, _) = head.encoding
        else { return 0 }
        var writer = ByteWriter()
        for section in table.sections where TensorSection(section.name)?.group == group { writer.u64(section.checksum) }
        return checksum(writer.bytes)
    }

    /// Takes contents of sections `head.screen.<bits>` as if they stood in the file, and no others: before weights
    /// are made of the bundle, which point into them.
    public func adopt(headScreens contents: [[UInt8]]) throws(TaperError) {
        adoptedScreens = try contents.map { bytes throws(TaperError) in try HeadScreenDraft(bytes) }
    }
}

extension HeadScreenSection {
    /// Sections of these contents.
    static func named(_ contents: [[UInt8]]) throws(TaperError) -> [(name: String, bytes: [UInt8])] {
        try contents.map { bytes throws(TaperError) in
            let header = try bytes.withBytes { raw throws(TaperError) in
                try Header(raw, place: "screen of the head to write")
            }
            return (SectionName.headScreen(leadBits: header.shape.leadBits), bytes)
        }
    }
}
