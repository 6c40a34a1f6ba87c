import Bundle
import Foundation
import Storage
import Testing

@Suite struct SectionNameTests {
    /// The table of sections in the specification, and the names in the code, are the same.
    @Test func everySectionIsSpecified() throws {
        let format = String(
            decoding: try Files.read(
                GoldenTests.folder.deletingLastPathComponent().appendingPathComponent("bundle.md").path, limit: 1 << 20),
            as: UTF8.self)
        for name in [
            SectionName.manifest, SectionName.tokenizer, SectionName.chat, SectionName.templates, SectionName.channels,
            SectionName.powers, SectionName.texts, SectionName.rungs, SectionName.schedules, SectionName.adaptive,
            SectionName.learned,
            SectionName.learnedWeights, SectionName.quality,
        ] {
            #expect(format.contains("\n| `\(name)` |"), "\(name)")
        }
    }
}
