import Checkpoint
import Model
import Reference
import Testing

@Suite struct ChannelOrderReferenceTests {
    /// The order changes where numbers stand and, in the last bits, how sums round.
    @Test func anotherOrderGivesTheSameLogits() throws {
        let path =
            String(#filePath).split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
            .joined(separator: "/") + "/samples/tiny"
        let checkpoint = try Checkpoint.open(path)
        let config = checkpoint.config
        let order = try ChannelOrder(
            hidden: (0..<config.hiddenSize).map { ($0 * 5 + 3) % config.hiddenSize },
            inner: (0..<config.layerCount).map { layer in
                Array((0..<config.intermediateSize).reversed().map { ($0 + layer) % config.intermediateSize })
            }, config: config, place: "test")
        let tokens = [5, 17, 3, 90, 41]
        let before = try ReferenceModel(checkpoint, residency: .resident, threads: 1).logits(tokens)
        let after = try ReferenceModel(checkpoint.arranged(by: order), residency: .streamed, threads: 2).logits(tokens)
        var difference: Float = 0
        for (a, b) in zip(before, after) { difference = max(difference, abs(a - b)) }
        #expect(difference < 1e-3 && difference.isFinite)
    }
}
