import Checkpoint
import Model
import Reference
import Storage

/// Puts channels with large activations first, where the kernels keep activations in two terms; the model computes what it did
/// before.
struct ArrangeStage: ByteStage {
    static let kind = StageKind.arrange
    static let version = 4

    let model: ModelInput
    let text: TextInput

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let reference = try ReferenceModel(
            try model.open(workspace), residency: .streamed, threads: workspace.threads,
            precision: .fastest)
        let moments = try reference.inputMoments(try text.sequences(workspace)) { workspace.update($0) }
        return try Self.order(moments, config: model.config).json.bytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> ChannelOrder {
        try ChannelOrder(
            json: try JSONValue.parse(bytes, place: "stored channels"), config: model.config, place: "stored channels")
    }

    func outcome(_ output: ChannelOrder) -> String? { "channels by the size of their activations" }

    /// Falling by the mean over blocks of the logarithm of the activations' root mean square, which ranks a channel by what
    /// it is everywhere; inner channels belong to one block.
    static func order(_ moments: [String: [Float]], config: ModelConfig) throws(TaperError) -> ChannelOrder {
        var sums = [Double](repeating: 0, count: config.hiddenSize)
        var inner: [[Int]] = []
        for layer in 0..<config.layerCount {
            for part in [TensorName.Part.query, .up] {
                for (channel, moment) in (moments[TensorName.weight(part, layer: layer)] ?? []).enumerated() {
                    sums[channel] += logarithm(Double(moment) + 1e-18)
                }
            }
            let own = moments[TensorName.weight(.down, layer: layer)] ?? []
            inner.append(falling(own.map { Double($0) }, count: config.intermediateSize))
        }
        return try ChannelOrder(
            hidden: falling(sums, count: config.hiddenSize), inner: inner, config: config, place: "arrange")
    }

    /// Indices by falling value, equal ones as they come.
    private static func falling(_ values: [Double], count: Int) -> [Int] {
        guard values.count == count else { return Array(0..<count) }
        return (0..<count).sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }
    }
}
