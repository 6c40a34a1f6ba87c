import Checkpoint
import Model
import Storage
import Testing

@Suite struct ChannelOrderTests {
    private static let path =
        String(#filePath).split(separator: "/", omittingEmptySubsequences: false)
        .dropLast(3).joined(separator: "/") + "/samples/tiny"

    private func reversed(_ config: ModelConfig) throws -> ChannelOrder {
        try ChannelOrder(
            hidden: Array((0..<config.hiddenSize).reversed()),
            inner: Array(repeating: Array((0..<config.intermediateSize).reversed()), count: config.layerCount),
            config: config, place: "test")
    }

    @Test func tensorsMoveRowsAndColumns() throws {
        let checkpoint = try Checkpoint.open(Self.path)
        let config = checkpoint.config
        let arranged = checkpoint.arranged(by: try reversed(config))
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        // Rows stay and columns turn; rows turn and columns stay; both turn; a vector turns.
        let query = TensorName.weight(.query, layer: 0)
        #expect(try arranged.read(query)[0..<width].elementsEqual(try checkpoint.read(query)[0..<width].reversed()))
        let output = TensorName.weight(.attentionOutput, layer: 1)
        let columns = config.querySize
        #expect(
            try arranged.read(output)[0..<columns].elementsEqual(try checkpoint.read(output).suffix(columns)))
        let down = TensorName.weight(.down, layer: 0)
        #expect(try arranged.read(down).elementsEqual(try checkpoint.read(down).reversed()))
        #expect(try arranged.read(down, rows: 1..<2) == Array(try arranged.read(down)[inner..<2 * inner]))
        // Rows that stay need not be read with all others.
        let table = try arranged.read(TensorName.embedding)
        #expect(try arranged.read(TensorName.embedding, rows: 7..<9) == Array(table[7 * width..<9 * width]))
        #expect(
            try arranged.read(TensorName.finalNorm).elementsEqual(try checkpoint.read(TensorName.finalNorm).reversed()))
    }

    @Test func jsonRoundTripAndWhatIsNoPermutation() throws {
        let config = try Checkpoint.open(Self.path).config
        let order = try reversed(config)
        #expect(try ChannelOrder(json: order.json, config: config, place: "test") == order)
        var hidden = order.hidden
        hidden[0] = hidden[1]
        #expect(throws: TaperError(.badData, "")) {
            try ChannelOrder(hidden: hidden, inner: order.inner, config: config, place: "test")
        }
        #expect(throws: TaperError(.badData, "")) {
            try ChannelOrder(hidden: order.hidden, inner: Array(order.inner.dropLast()), config: config, place: "test")
        }
        #expect(throws: TaperError(.badData, "")) {
            try ChannelOrder(json: .object([.init("schema", .string("x"))]), config: config, place: "test")
        }
    }
}
