import Model

/// Some rows of one sequence going through the model together: a chunk of a prompt, or one new token.
struct Pass: Equatable {
    var precision: Precision
    var rows: Int
    /// Of the first row in its sequence.
    var firstPosition: Int
    /// Whether the last row's logits are wanted.
    var wantsLogits = true
    /// Whether centroid tables come over the channel, or are on the chip from the pass before.
    var movesTables = true
    /// Whether the pass before had another precision.
    var isSwitch = false
}

/// What a pass makes the machine do: blocks one after the other, of which equal layers share one program.
struct PassProgram {
    let pass: Pass
    private(set) var programs: [BlockProgram] = []
    /// Index in `programs` of each block: what stands before the layers, the layers, what stands behind.
    private(set) var blocks: [Int] = []

    var layerCount: Int { blocks.count - 2 }
    func program(_ block: Int) -> BlockProgram { programs[blocks[block]] }

    /// All that the pass moves and computes.
    var work: Work {
        var total = Work()
        for block in blocks { total += programs[block].work }
        return total
    }

    init(_ pass: Pass, of shape: ModelShape, on hardware: HardwareDescription) {
        self.pass = pass
        let builder = PassBuilder(pass: pass, shape: shape, hardware: hardware)
        add(builder.opening())
        var known: [LayerKey: Int] = [:]
        for layer in shape.layers.indices {
            let key = LayerKey(
                window: shape.config.layers[layer].window, isTurned: shape.config.layers[layer].rotation != nil,
                bits: shape.bits(pass.precision, layer: layer), matrices: shape.layers[layer].map(\.matrix))
            if let index = known[key] {
                blocks.append(index)
            } else {
                known[key] = programs.count
                add(builder.layer(layer))
            }
        }
        add(builder.closing())
    }

    private mutating func add(_ program: BlockProgram) {
        blocks.append(programs.count)
        programs.append(program)
    }

    /// What makes layers different.
    private struct LayerKey: Hashable {
        let window: Int?
        let isTurned: Bool
        let bits: [Int]
        let matrices: [StoredMatrix]
    }
}
