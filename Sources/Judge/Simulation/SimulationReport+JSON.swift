import Model
public import Storage

extension SimulationReport {
    public static let schema = "taper-simulate-1"

    public var json: JSONValue {
        .object([
            .init("schema", .string(SimulationReport.schema)), .init("model", .string(result.shape.name)),
            .init("hardware", .string(result.hardware.name)), .init("rows", .array(result.all.map(row))),
            .init("warnings", .array(result.warnings.map { .string($0) })), .init("timeline", timeline),
        ])
    }

    private func row(_ row: ScheduleResult) -> JSONValue {
        .object([
            .init("label", .string(row.label)), .init("average_bits", .number(row.averageBits)),
            .init("seconds_per_token", .number(row.secondsPerToken)),
            .init("tokens_per_second", .number(row.tokensPerSecond)),
            .init("joules_per_token", .number(row.joulesPerToken)),
            .init("speedup_over_16_bits", .number(result.speedup(row, over: result.half))),
            .init("speedup_over_baseline_h", .number(result.speedup(row, over: result.baseline))),
            .init("bytes_per_token", .number(row.bytesPerToken)),
            .init("table_share", .number(row.tableShare)),
            .init("cache_bytes_per_token", .number(row.cacheBytesPerToken)),
            .init("multiplications_per_token", .number(row.multiplicationsPerToken)),
            .init("multiplications_per_byte", .number(row.intensity)),
            .init("multiplications_per_second", .number(row.multiplicationsPerSecond)),
            .init("channel_share", .number(row.channelShare)), .init("multiplier_share", .number(row.multiplierShare)),
            .init("vector_share", .number(row.vectorShare)), .init("bound", .string(row.bound)),
            .init("prefill_seconds", .number(row.prefillSeconds)), .init("prefill_joules", .number(row.prefillJoules)),
            .init("generation_seconds", .number(row.generationSeconds)),
            .init("switch_seconds", row.switchSeconds.map { .number($0) } ?? .null),
            .init(
                "traces",
                .array(
                    row.traces.map { item in
                        .object([.init("share", .number(item.share)), .init("steps", steps(item.result))])
                    })),
        ])
    }

    /// Runs of equal bits with their mean time.
    private func steps(_ trace: TraceResult) -> JSONValue {
        var runs: [(from: Int, bits: Precision, seconds: Double, count: Int)] = []
        for (step, pass) in trace.decode.enumerated() {
            if runs.last?.bits != pass.precision { runs.append((step, pass.precision, 0, 0)) }
            runs[runs.count - 1].seconds += pass.seconds
            runs[runs.count - 1].count += 1
        }
        return .array(
            runs.map {
                .object([
                    .init("from_step", .integer($0.from)), .init("bits", $0.bits.json),
                    .init("steps", .integer($0.count)),
                    .init("seconds_per_token", .number($0.seconds / Double($0.count))),
                ])
            })
    }

    /// When each layer of a decode step begins and ends on the multipliers and the vector unit.
    private var timeline: JSONValue {
        let line = result.timeline
        let layers = (0..<line.layerCount).map { layer -> JSONValue in
            let work = (line.multipliers + line.vector).filter { $0.layer == layer }
            let channel = line.channel.filter { $0.layer == layer }.reduce(0) { $0 + $1.end - $1.start }
            return .object([
                .init("layer", .integer(layer)), .init("start_seconds", .number(work.map(\.start).min() ?? 0)),
                .init("end_seconds", .number(work.map(\.end).max() ?? 0)), .init("channel_seconds", .number(channel)),
            ])
        }
        return .object([.init("seconds", .number(line.seconds)), .init("layers", .array(layers))])
    }
}
