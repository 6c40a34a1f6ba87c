public import Kernels
public import Storage

/// Dimensions of one block of a model the paper measures; all have as many key/value heads as query heads.
public struct KernelShape: Sendable {
    public let name: String
    public let hiddenSize: Int
    public let intermediateSize: Int
    public let gatedMLP: Bool

    public init(name: String, hiddenSize: Int, intermediateSize: Int, gatedMLP: Bool) {
        self.name = name
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.gatedMLP = gatedMLP
    }

    /// The four models of Chen et al., arXiv 2410.13461.
    public static let all = [
        KernelShape(name: "vicuna-7b", hiddenSize: 4096, intermediateSize: 11008, gatedMLP: true),
        KernelShape(name: "mobilellama-1.4b", hiddenSize: 2048, intermediateSize: 5632, gatedMLP: true),
        KernelShape(name: "phi-1.5", hiddenSize: 2048, intermediateSize: 8192, gatedMLP: false),
        KernelShape(name: "zephyr-3b", hiddenSize: 2560, intermediateSize: 6912, gatedMLP: true),
    ]

    /// Reads "vicuna-7b,phi-1.5".
    /// - Throws: `usage` naming the shapes there are.
    public static func parse(_ text: String) throws(TaperError) -> [KernelShape] {
        var found: [KernelShape] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let shape = all.first(where: { $0.name == name }) else {
                throw TaperError(
                    .usage, "unknown shape", at: field("shapes"), expected: all.map(\.name).joined(separator: ", "),
                    found: "\"" + printable(String(name)) + "\"")
            }
            if !found.contains(where: { $0.name == shape.name }) { found.append(shape) }
        }
        return found
    }

    /// A half of a block's linear layers.
    public enum Part: String, CaseIterable, Sendable { case attention, mlp }

    /// q, k and v, then the output projection; or gate and up, then down; or fc1, then fc2.
    public func groups(_ part: Part) -> [KernelWorkload.Group] {
        switch part {
        case .attention:
            [
                .init(rows: [hiddenSize, hiddenSize, hiddenSize], columns: hiddenSize),
                .init(rows: [hiddenSize], columns: hiddenSize),
            ]
        case .mlp:
            [
                .init(
                    rows: gatedMLP ? [intermediateSize, intermediateSize] : [intermediateSize], columns: hiddenSize),
                .init(rows: [hiddenSize], columns: intermediateSize),
            ]
        }
    }
}
