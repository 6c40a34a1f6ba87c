import Model
import Simulation
import Storage
import Testing

/// The machine where closed forms say what it must take.
@Suite struct MachineTests {
    private func run(
        _ hardware: HardwareDescription, _ shape: String = "smollm2-135m", prompt: Int = 8, bits: [Precision],
        repeating: Bool = true
    ) throws -> TraceResult {
        var simulation = try Simulation(try SampleFiles.shape(shape), on: hardware)
        simulation.repeatsLayers = repeating
        return try simulation.run(PrecisionTrace(promptTokens: prompt, prefillBits: bits[0], bitsPerStep: bits))
    }

    private static let four = [Precision](repeating: 4, count: 6)

    /// With multipliers that never keep it waiting, a step takes its bytes over the bandwidth, to the tick.
    @Test(arguments: [("smollm2-135m", 2), ("smollm2-135m", 4), ("phi-1.5", 3), ("qwen2.5-coder-1.5b", 16)])
    func stepsTakeTheirBytesOverTheBandwidth(_ shape: String, _ bits: Int) throws {
        let hardware = try SampleFiles.unlimited {
            $0.memory.megabytesPerSecond = 1000
            $0.clockMegahertz = 100_000
        }
        let result = try run(hardware, shape, bits: [Precision](repeating: Precision(bits: bits), count: 6))
        // What the first steps fetched ahead they took from the next ones; from then on all is even but the cache's growth.
        // The last one has nothing to fetch for.
        for (before, pass) in zip(result.decode.dropFirst(2), result.decode.dropFirst(3).dropLast()) {
            #expect(pass.channelSeconds == pass.seconds)
            #expect(abs(pass.seconds / (Double(pass.work.movedBytes) / 1e9) - 1) < 1e-6)
            #expect(pass.work.movedBytes > before.work.movedBytes)
        }
    }

    /// With a channel that never keeps them waiting, a step takes the cycles of its products and of the vector unit.
    @Test func stepsTakeTheirMultiplicationsOverTheMultipliers() throws {
        let hardware = try SampleFiles.unlimited {
            for index in $0.multipliers.indices { $0.multipliers[index].perCycle = 64 }
            $0.clockMegahertz = 100
            $0.buffer.slotCount = 8
        }
        let pass = try #require(try run(hardware, bits: Self.four).decode.last)
        let config = try SampleFiles.shape("smollm2-135m").config
        let products =
            config.linearParts().map { $0.rows * $0.columns / 64 }.reduce(0, +) * config.layerCount
            + config.vocabularySize * config.hiddenSize / 64
        let attention = 2 * config.querySize * 14 / 64 * config.layerCount
        #expect(abs(pass.multiplierSeconds - Double(products + attention) / 1e8) < 1e-12)
        // Norms and the like take a cycle each, the embedding's row 1 us / 100,000 a byte.
        let rest = pass.seconds - pass.multiplierSeconds - pass.vectorSeconds
        #expect(rest >= 0 && rest < 1e-7)
        #expect(pass.work.multiplications == 64 * (products + attention))
    }

    /// With one slot nothing overlaps: a step takes the sum of all.
    @Test func oneSlotTakesTheSum() throws {
        let hardware = try SampleFiles.unlimited {
            $0.memory.megabytesPerSecond = 10_000
            for index in $0.multipliers.indices { $0.multipliers[index].perCycle = 16 }
            $0.buffer.slotCount = 1
        }
        let one = try #require(try run(hardware, bits: Self.four).decode.dropLast().last)
        var twice = hardware
        twice.buffer.slotCount = 2
        twice.buffer.byteCount *= 2
        let two = try #require(try run(twice, bits: Self.four).decode.dropLast().last)
        let sum = one.channelSeconds + one.multiplierSeconds
        // But for norms, cache writes and the next step's first tile, which come while others work.
        #expect(one.seconds > 0.99 * sum && one.seconds <= sum + one.vectorSeconds)
        #expect(two.seconds < 0.8 * one.seconds)
        #expect(two.seconds >= max(two.channelSeconds, two.multiplierSeconds) * 0.999)
    }

    /// Latency is hidden while a slot's transfer takes longer, and shows where nothing is fetched ahead.
    @Test func latencyShowsOncePerTransferWithoutDoubleBuffering() throws {
        func seconds(_ slots: Int, _ latency: Int) throws -> Double {
            let hardware = try SampleFiles.unlimited {
                $0.memory.megabytesPerSecond = 10_000
                $0.memory.latencyNanoseconds = latency
                $0.buffer.slotCount = slots
                $0.buffer.byteCount = slots << 18
            }
            return try #require(try run(hardware, bits: Self.four).decode.last).seconds
        }
        #expect(try seconds(1, 1000) > 1.02 * seconds(1, 0))
        #expect(try seconds(4, 1000) < 1.001 * seconds(4, 0) + 1e-5)
    }

    /// Repeated layers are counted, not run, and nothing changes by it.
    @Test(arguments: ["datacentre", "edge-npu-16tops", "edge-npu-2tops", "phone", "raspberry-pi"])
    func countedLayersGiveWhatRunningThemGives(_ name: String) throws {
        let bits: [Precision] = [5, 5, 4, 4, 2, 2]
        for shape in ["smollm2-135m", "phi-1.5"] {
            let hardware = try SampleFiles.hardware(name)
            let counted = try run(hardware, shape, prompt: 300, bits: bits)
            let whole = try run(hardware, shape, prompt: 300, bits: bits, repeating: false)
            for (left, right) in zip(counted.prefill + counted.decode, whole.prefill + whole.decode) {
                #expect(left.seconds == right.seconds && left.layerEnds == right.layerEnds)
                #expect(left.channelSeconds == right.channelSeconds)
                #expect(left.multiplierSeconds == right.multiplierSeconds && left.vectorSeconds == right.vectorSeconds)
            }
            #expect(counted.movedBytes == whole.movedBytes)
            // Everything that the programs ask for went over the channel.
            let asked = (counted.prefill + counted.decode).reduce(0) { $0 + $1.work.movedBytes }
            #expect(counted.movedBytes == asked)
            #expect(counted.decode[0].layerEnds.count == (shape == "phi-1.5" ? 24 : 30))
        }
    }

    /// Tables that fit stay on the chip and are exchanged when the precision switches; a switch costs their transfer.
    @Test func tablesThatFitAreExchangedAtASwitch() throws {
        let hardware = try SampleFiles.unlimited {
            $0.memory.megabytesPerSecond = 1000
            $0.clockMegahertz = 100_000
            $0.buffer.tableByteCount = 1 << 24
        }
        let result = try run(hardware, bits: [4, 4, 4, 2, 2, 2])
        #expect(result.prefill[0].work.tableBytes > 0)
        let tables = result.decode.map(\.work.tableBytes)
        // Of the head's bytes scales alone remain.
        let head = 49152 * 4
        #expect(tables[0] == head && tables[2] == head && tables[4] == head && tables[5] == head)
        #expect(tables[3] > head)
        let change = try #require(result.switches.first)
        #expect(result.switches.count == 1 && change.step == 3 && change.bits == 2)
        #expect(abs(change.seconds / (Double(tables[3] - head) / 1e9) - 1) < 0.01)

        var small = hardware
        small.buffer.tableByteCount = 0
        let streamed = try run(small, bits: [4, 4, 4, 2, 2, 2])
        #expect(streamed.decode[0].work.tableBytes > tables[3])
        #expect(abs(try #require(streamed.switches.first).seconds) < 1e-5)
    }

    @Test func aSwitchTakesItsCycles() throws {
        let slow = try SampleFiles.unlimited {
            $0.memory.megabytesPerSecond = 1000
            $0.switchCycles = 10_000_000
        }
        let change = try #require(try run(slow, bits: [4, 4, 2, 2]).switches.first)
        #expect(abs(change.seconds - 0.01) < 2e-3)
    }
}
