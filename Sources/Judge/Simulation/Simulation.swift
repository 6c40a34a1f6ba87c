public import Model
public import Storage

/// What one pass took.
public struct PassResult: Sendable {
    public let precision: Precision
    /// Rows, and the position of the first.
    public let rows, firstPosition: Int
    public let seconds: Double
    public let work: Work
    /// Time in which the channel worked, the multipliers, the vector unit.
    public let channelSeconds, multiplierSeconds, vectorSeconds: Double
    /// When each layer ended, from the pass's beginning.
    public let layerEnds: [Double]
}

/// A generation on the machine.
public struct TraceResult: Sendable {
    public let trace: PrecisionTrace
    /// Blocks of the prompt.
    public let prefill: [PassResult]
    public let decode: [PassResult]
    /// Bytes that went over the channel, counted there and not by the passes' programs.
    package let movedBytes: Int
    /// What each switch costs against a step that the same precision goes before.
    public let switches: [(step: Int, bits: Precision, seconds: Double)]
}

/// A model's shape on a hardware description.
public struct Simulation: Sendable {
    public let shape: ModelShape
    public let hardware: HardwareDescription
    let time: TimeBase
    /// Equal layers that do equal things are counted instead of run; the result is the same, which a test shows.
    package var repeatsLayers = true

    /// Positions that a generation may have.
    public static let positionLimit = 65536

    /// - Throws: `badData` when bandwidth and clock have hardly a common measure.
    public init(_ shape: ModelShape, on hardware: HardwareDescription) throws(TaperError) {
        self.shape = shape
        self.hardware = hardware
        time = try TimeBase(hardware, place: hardware.name)
    }

    /// - Throws: `usage` for a precision that the shape has not, too long a trace, or times beyond counting; `interrupted`.
    public func run(_ trace: PrecisionTrace) throws(TaperError) -> TraceResult {
        try check(trace)
        let passes = self.passes(of: trace)
        var machine = Machine(hardware, time)
        machine.repeatsLayers = repeatsLayers
        var results: [PassResult] = []
        var program = try program(passes[0])
        for index in passes.indices {
            if index % 16 == 0 { try Interrupt.check("Nothing was written") }
            var next: PassProgram?
            if index + 1 < passes.count { next = try self.program(passes[index + 1]) }
            let ticks = machine.run(program, next: next)
            results.append(result(program, ticks, machine))
            if let next { program = next }
        }
        let prefillCount = passes.count - trace.bitsPerStep.count
        var switches: [(step: Int, bits: Precision, seconds: Double)] = []
        for (step, pass) in passes[prefillCount...].enumerated() where pass.isSwitch && step > 0 {
            let cost = results[prefillCount + step].seconds - (try steadySeconds(pass))
            switches.append((step, pass.precision, cost))
        }
        return TraceResult(
            trace: trace, prefill: Array(results[..<prefillCount]), decode: Array(results[prefillCount...]),
            movedBytes: machine.movedBytes, switches: switches)
    }

    /// The decode step at this position, weights of the next one coming early as ever, with all that each part did.
    public func timeline(bits: Precision, position: Int) throws(TaperError) -> Timeline {
        let passes = self.passes(
            of: PrecisionTrace(promptTokens: max(1, position - 1), prefillBits: bits, bitsPerStep: [bits, bits, bits])
        ).suffix(3)
        var programs: [PassProgram] = []
        for pass in passes { programs.append(try program(pass)) }
        var machine = Machine(hardware, time)
        _ = machine.run(programs[0], next: programs[1])
        machine.record = TimelineRecord()
        let ticks = machine.run(programs[1], next: programs[2])
        return Timeline(machine.record ?? TimelineRecord(), ticks: ticks, layers: programs[1].layerCount, time)
    }

    /// - Throws: `usage` for a precision that the shape has not, and for too long a trace.
    func check(_ trace: PrecisionTrace) throws(TaperError) {
        for bits in trace.precisions { try bits.check(served: shape.served, by: shape.kind, place: shape.name) }
        guard trace.promptTokens >= 1, trace.positions <= Simulation.positionLimit else {
            throw TaperError(
                .usage, "a generation that cannot be simulated", at: shape.name,
                expected: "1 to \(Simulation.positionLimit) positions, one of them of the prompt",
                found: "\(trace.promptTokens) of the prompt and \(trace.bitsPerStep.count) steps")
        }
    }

    /// Blocks of the prompt, then single steps; which of them move tables, and where precision switches.
    private func passes(of trace: PrecisionTrace) -> [Pass] {
        var passes: [Pass] = []
        var position = 0
        while position < trace.promptTokens {
            let rows = min(hardware.prefillRows, trace.promptTokens - position)
            passes.append(
                Pass(
                    precision: trace.prefillBits, rows: rows, firstPosition: position,
                    wantsLogits: position + rows == trace.promptTokens))
            position += rows
        }
        for bits in trace.bitsPerStep {
            passes.append(Pass(precision: bits, rows: 1, firstPosition: position))
            position += 1
        }
        for index in passes.indices.dropFirst() {
            passes[index].isSwitch = passes[index].precision != passes[index - 1].precision
            passes[index].movesTables = passes[index].isSwitch || !keepsTables(passes[index].precision)
        }
        return passes
    }

    /// Whether all tables of the precision fit on the chip.
    func keepsTables(_ bits: Precision) -> Bool {
        var total = 0
        for layer in shape.layers.indices {
            for (item, bits) in zip(shape.layers[layer], shape.bits(bits, layer: layer)) {
                let reading = item.matrix.reading(bits: bits)
                if reading.isCode { total += reading.tableBytes }
            }
        }
        let head = shape.head.reading(bits: bits.roundedDown)
        if head.isCode { total += head.tableBytes }
        return total <= hardware.buffer.tableByteCount
    }

    /// - Throws: `usage` when its time could not be counted in whole ticks.
    private func program(_ pass: Pass) throws(TaperError) -> PassProgram {
        let program = PassProgram(pass, of: shape, on: hardware)
        var ticks = 0.0
        for block in program.blocks.indices {
            let block = program.program(block)
            let cycles = block.operations.reduce(0.0) { $0 + Double($1.cycles) }
            ticks += cycles * Double(time.ticksPerCycle) + Double(block.work.movedBytes) * Double(time.ticksPerByte)
            ticks += Double(block.transfers.count + 1) * Double(time.latency)
        }
        guard ticks < 4e18 else {
            throw TaperError(
                .usage, "a pass takes too long to be simulated", at: hardware.name,
                found: "up to " + shortest(ticks / Double(time.ticksPerMicrosecond) / 1e6) + " seconds",
                remedy: "Round bandwidth and clock to numbers with a larger common divisor")
        }
        return program
    }

    private func result(_ program: PassProgram, _ ticks: Int, _ machine: Machine) -> PassResult {
        PassResult(
            precision: program.pass.precision, rows: program.pass.rows, firstPosition: program.pass.firstPosition,
            seconds: time.seconds(ticks), work: program.work, channelSeconds: time.seconds(machine.busy.channel),
            multiplierSeconds: time.seconds(machine.busy.units[BlockProgram.Unit.multipliers.rawValue]),
            vectorSeconds: time.seconds(machine.busy.units[BlockProgram.Unit.vector.rawValue]),
            layerEnds: machine.blockEnds.dropFirst().dropLast().map { time.seconds($0) })
    }

    /// The same step between others of its precision.
    private func steadySeconds(_ pass: Pass) throws(TaperError) -> Double {
        var programs: [PassProgram] = []
        for offset in -1...1 {
            var other = pass
            other.firstPosition += offset
            other.isSwitch = false
            other.movesTables = !keepsTables(pass.precision)
            programs.append(try program(other))
        }
        var machine = Machine(hardware, time)
        _ = machine.run(programs[0], next: programs[1])
        return time.seconds(machine.run(programs[1], next: programs[2]))
    }
}
