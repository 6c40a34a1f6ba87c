import Bundle
import Calibration
import Kernels
import Storage

/// What finds the head's largest logits from its leading bits.
struct ScreenStage: ByteStage {
    static let kind = StageKind.screen
    static let version = 2

    let bundle: BundleInput
    let text: TextInput

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let result = try calibrateHeadScreen(
            try bundle.open(workspace), sequences: try text.sequences(workspace), pool: workspace.pool
        ) { workspace.update($0) }
        var writer = ByteWriter()
        writer.u32(UInt32(result.screens.count))
        for screen in result.screens {
            writer.u64(UInt64(screen.bytes.count))
            writer.raw(screen.bytes)
        }
        return writer.bytes
    }

    /// Contents of the bundle's sections; none where they would save nothing.
    func read(_ bytes: [UInt8]) throws(TaperError) -> [[UInt8]] {
        try bytes.withBytes { raw throws(TaperError) in
            var reader = ByteReader(raw, place: "stored screens of the head")
            var screens: [[UInt8]] = []
            for _ in 0..<(try reader.u32("count")) {
                screens.append(Array(try reader.take(try reader.count("length", limit: raw.count), "screen")))
            }
            for screen in screens { _ = try HeadScreenDraft(screen) }
            return screens
        }
    }

    func outcome(_ output: [[UInt8]]) -> String? {
        let texts = output.compactMap { try? HeadScreenDraft($0).header() }.map { header in
            let rows = Double(header.evidence.tileRowsForOne) * Double(NestedLayout.tileRows)
            return "\(header.shape.leadBits) bits of all rows and \(fixed(rows, 0)) rows in full"
        }
        return texts.isEmpty ? "none: it would save nothing" : texts.joined(separator: ", or ")
    }
}
