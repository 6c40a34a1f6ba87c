import Model
import Storage

/// Element operations of the vector unit, per element: what a plain loop does with it.
enum ElementCost {
    /// Square, sum, scale, weight.
    static let norm = 4
    /// Two products and a sum (RoFormer eq. 34).
    static let rotation = 3
    /// Scale, maximum, exponential, sum, division.
    static let softmax = 5
    /// Exponential, sum, division, product.
    static let activation = 4
    /// The gate's product; a residual's or a bias's sum; a dequantized element; a comparison.
    static let single = 1
}

/// Writes the programs of a pass's blocks, in the order of the runner's forward pass.
struct PassBuilder {
    let pass: Pass
    let shape: ModelShape
    let hardware: HardwareDescription

    private var config: ModelConfig { shape.config }
    private var slot: Int { hardware.buffer.slotByteCount }

    /// x = E[token]
    func opening() -> BlockProgram {
        var program = BlockProgram()
        if pass.isSwitch { program.wait(cycles: hardware.switchCycles, "switch") }
        program.lookUp(
            byteCount: pass.rows * shape.embedding.rowBytes(bits: pass.precision.roundedDown),
            elementOperations: pass.rows * config.hiddenSize * ElementCost.single, on: hardware)
        return program
    }

    func layer(_ index: Int) -> BlockProgram {
        var program = BlockProgram()
        let description = config.layers[index]
        let bits = shape.bits(pass.precision, layer: index)
        func matrices(_ parts: [TensorName.Part]) -> [(StoredMatrix, Int, TensorName.Part)] {
            zip(shape.layers[index], bits).compactMap { item, bits in
                parts.contains(item.part) ? (item.matrix, bits, item.part) : nil
            }
        }
        let rows = pass.rows
        norm(.inputNorm, "norm", &program)
        products(matrices([.query, .key, .value]), &program)
        let turned = description.rotation == nil ? 0 : config.querySize + config.kvSize
        let headNorms = config.queryKeyNorm == .none ? 0 : config.querySize + config.kvSize
        loadVectors([.queryNorm, .keyNorm], &program)
        let biases = config.qkvBias ? config.querySize + 2 * config.kvSize : 0
        program.vector(
            rows
                * (turned * ElementCost.rotation + headNorms * ElementCost.norm + biases * ElementCost.single
                    + 2 * config.kvSize * ElementCost.single),
            on: hardware, "rotation")
        program.post(byteCount: rows * config.kvSize * 2 * 2)
        if config.parallelResidual { products(matrices([.gate, .up]), &program) }
        attention(description.window, &program)
        products(matrices([.attentionOutput]), &program)
        added(.attentionOutputNorm, hasBias: config.attentionOutputBias, &program)
        if !config.parallelResidual {
            norm(.mlpNorm, "norm", &program)
            products(matrices([.gate, .up]), &program)
        }
        let inner = config.gatedMLP ? ElementCost.activation + ElementCost.single : ElementCost.activation
        let innerBias = config.mlpBias ? (config.gatedMLP ? 2 : 1) * ElementCost.single : 0
        program.vector(rows * config.intermediateSize * (inner + innerBias), on: hardware, "activation")
        products(matrices([.down]), &program)
        added(.mlpOutputNorm, hasBias: config.mlpBias, &program)
        return program
    }

    /// logits = norm(x) W_head^T, and the largest of them.
    func closing() -> BlockProgram {
        var program = BlockProgram()
        guard pass.wantsLogits else { return program }
        let hasShift = config.normalization == .layer
        program.load(vector: config.hiddenSize * 4 * (hasShift ? 2 : 1))
        program.vector(config.hiddenSize * ElementCost.norm, on: hardware, "norm")
        multiply(
            shape.head, bits: pass.precision.roundedDown, tokens: 1, overhead: hardware.operationCycles, "head",
            &program)
        if config.headBias { program.load(vector: config.vocabularySize * 4) }
        program.vector(
            config.vocabularySize * (config.headBias ? 2 : 1) * ElementCost.single, on: hardware, "sampling")
        return program
    }

    private func loadVectors(_ parts: [TensorName.Part], _ program: inout BlockProgram) {
        for part in parts where config.has(part) {
            program.load(vector: config.shape(part).rows * 4 * (config.hasBias(part) ? 2 : 1))
        }
    }

    /// Of the residual stream, where the model has this norm.
    private func norm(_ part: TensorName.Part, _ label: String, _ program: inout BlockProgram) {
        guard config.has(part) else { return }
        loadVectors([part], &program)
        program.vector(pass.rows * config.hiddenSize * ElementCost.norm, on: hardware, label)
    }

    /// x += delta, or norm(delta).
    private func added(_ part: TensorName.Part, hasBias: Bool, _ program: inout BlockProgram) {
        loadVectors([part], &program)
        let cost = ElementCost.single * (hasBias ? 2 : 1) + (config.has(part) ? ElementCost.norm : 0)
        program.vector(pass.rows * config.hiddenSize * cost, on: hardware, "residual")
    }

    /// Products that share their input.
    private func products(
        _ all: [(matrix: StoredMatrix, bits: Int, part: TensorName.Part)], _ program: inout BlockProgram
    ) {
        for (place, item) in all.enumerated() {
            if config.hasBias(item.part) { program.load(vector: item.matrix.rows * 4) }
            let name = item.part.rawValue.split(separator: ".").last.map(String.init) ?? item.part.rawValue
            multiply(
                item.matrix, bits: item.bits, tokens: pass.rows, overhead: place == 0 ? hardware.operationCycles : 0,
                name, &program)
        }
    }

    private func multiply(
        _ matrix: StoredMatrix, bits: Int, tokens: Int, overhead: Int, _ label: String, _ program: inout BlockProgram
    ) {
        let reading = matrix.reading(bits: bits)
        let tables = pass.movesTables || !reading.isCode ? reading.tableBytes : 0
        program.work.codeBytes += reading.codeBytes
        program.work.tableBytes += tables
        let multiplications = tokens * matrix.rows * matrix.columns
        program.work.weightMultiplications += multiplications
        let isLookedUp = reading.isCode && hardware.lookups != nil
        let lookups = isLookedUp ? matrix.rows * matrix.columns : 0
        program.work.lookups += lookups
        program.work.computingPicojoules +=
            Double(multiplications) * hardware.multipliers(for: isLookedUp ? 8 : reading.bits).picojoules
            + Double(lookups) * (hardware.lookups?.picojoules ?? 0)
        program.multiply(
            byteCount: reading.codeBytes + tables, tiles: reading.tileCount,
            cycles: hardware.cycles(
                tokens: tokens, rows: matrix.rows, columns: matrix.columns, bits: reading.bits, isCode: reading.isCode),
            overhead: overhead, slotByteCount: slot, label)
    }

    /// softmax(q K^T) V over the positions that the rows see, their own included, in half precision.
    private func attention(_ window: Int?, _ program: inout BlockProgram) {
        let (rows, first) = (pass.rows, pass.firstPosition)
        let window = window ?? Int.max
        let seen = first + rows - max(0, first + 1 - window)
        let scores = (0..<rows).reduce(0) { $0 + min(first + $1 + 1, window) }
        let multiplications = 2 * config.querySize * scores
        let half = hardware.multipliers(for: BitWidth.half)
        program.work.cacheBytes += seen * config.kvSize * 2 * 2
        program.work.cacheMultiplications += multiplications
        program.work.computingPicojoules += Double(multiplications) * half.picojoules
        var cycles = divided(multiplications, by: half.perCycle)
        if let array = hardware.array {
            // Heads that share keys and values are rows of one product.
            let shared = rows * config.headCount / config.kvHeadCount
            let each =
                array.cycles(tokens: shared, rows: seen, columns: config.headSize)
                + array.cycles(tokens: shared, rows: config.headSize, columns: seen)
            cycles = config.kvHeadCount * each * (array.size / half.perCycle)
        }
        program.multiply(
            byteCount: seen * config.kvSize * 2 * 2, tiles: seen, cycles: cycles, overhead: hardware.operationCycles,
            slotByteCount: slot, "attention")
        program.vector(config.headCount * scores * ElementCost.softmax, on: hardware, "softmax")
    }
}
