import ArgumentParser
import Bundle
import Evaluation
import Kernels
import Model
import Pipeline
import Runtime
import Simulation
import Storage
import Text

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prefill and decode speed per precision, beside the memory bandwidth measured in the same run.",
        discussion: """
            Of a bundle, or of random codes in a model's shape:
              taper bench --synthetic hidden=2048,layers=22,heads=32,kv-heads=4,ffn=5632,vocab=32000
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument { case md, json, csv }

    @Argument(help: "Bundle.", completion: .file()) var model: String?
    @Option(help: "Dimensions of a model of random codes, instead of a bundle.") var synthetic: String?
    @Option(help: "Keep the synthetic bundle in this file.", completion: .file()) var keep: String?
    @Option(
        name: [.customShort("p"), .long], help: "Prompt tokens; 0 to skip (default: 512, or what fits).")
    var promptTokens: Int?
    @Option(
        name: [.customShort("n"), .long], help: "Tokens to decode; 0 to skip (default: 128, or what fits)."
    ) var newTokens: Int?
    @Option(name: [.customShort("d"), .long], help: "Positions in the cache before decoding starts.") var depth = 0
    @Option(name: [.customShort("r"), .long], help: "Runs; the median is shown.") var runs = 5
    @Option(name: [.customShort("t"), .long], help: "Thread counts, such as 1,2.") var threads: String?
    @Option(name: [.customLong("streams"), .customLong("npl")], help: "Sequences decoded at once, such as 1,2,8.")
    var streams = "1"
    @Option(help: "Precisions, such as 2-6 or 4,3.5 (default: all, rungs included).") var bits: String?
    @Option(help: "Also a schedule, such as 4@0,2@64 or static:TASK; repeat for more.") var schedule: [String] = []
    @Flag(help: "Copy the bundle into memory instead of mapping it.") var noMmap = false
    @Flag(help: "Compute the logits of all tokens, where the likeliest alone would do.") var wholeHead = false
    @OptionGroup var cache: CacheOption
    @Option(
        help: "Also measure this machine's parts and describe it in this file, for taper simulate.",
        completion: .file())
    var describe: String?
    @Option(name: [.customShort("o"), .long], help: "Form of the report.") var output = Format.md
    @OptionGroup var kernelOptions: BenchKernels

    func run() throws {
        let limit = 1 << 24
        try OptionLimit.check("-p", promptTokens, 0...limit)
        try OptionLimit.check("-n", newTokens, 0...limit)
        try OptionLimit.check("-d", depth, 0...limit)
        try OptionLimit.check("-r", runs, 1...OptionLimit.runs)
        if kernelOptions.kernels {
            return try kernelOptions.run(model: model, runs: runs, threads: threads, output: output)
        }
        let bundle = try open()
        let name = model ?? "synthetic \(synthetic ?? "")"
        let context = bundle.manifest.model.contextLength
        let promptTokens = promptTokens ?? min(512, context - 1)
        let newTokens = newTokens ?? max(0, min(128, context - depth - 2))
        guard promptTokens + newTokens > 0 else {
            throw TaperError(.usage, "there is nothing to measure", at: "bench", expected: "-p or -n above 0")
        }
        let longest = max(promptTokens, depth + newTokens + 1)
        guard longest < context else {
            throw TaperError(
                .usage, "the measurement does not fit the model's context", at: "bench",
                expected: "-p, and -d plus -n plus 1, below \(context)",
                found: "-p \(promptTokens), -d \(depth), -n \(newTokens)")
        }
        let counts = try Threads.list(threads)
        let streams = try OptionLimit.counts(streams, at: "--streams", example: "1,2,8")
        let measurement = try SpeedMeasurement(
            promptTokens: promptTokens, newTokens: newTokens, depth: depth, text: text(of: bundle))
        let cacheBits = try cache.bits()
        guard describe == nil || cacheBits == 16 else {
            throw TaperError(
                .usage, "a description is of caches in half precision, which alone are simulated", at: "--cache-bits",
                expected: "16 with --describe", found: "\(cacheBits)")
        }
        let schedules = try schedules(bundle)
        let weights = try TransformerWeights(bundle)
        if describe != nil, counts.count > 1 {
            throw TaperError(.usage, "a description is of one thread count", at: "--describe", expected: "one in -t")
        }
        var results: [SpeedResult] = []
        for count in counts {
            let pool = try ThreadPool(threadCount: count)
            let engine = try Engine(weights, contextLength: longest + 1, pool: pool, cacheBits: cacheBits)
            // What is simulated reads the whole head.
            engine.usesHeadScreens = describe == nil && !wholeHead
            var parts: MachineMeasurement?
            if describe != nil {
                parts = try MachineMeasurement(
                    engine.config, positions: depth + 1 + newTokens / 2,
                    idle: try idleEngine(layers: engine.config.layerCount, pool))
            }
            results += try measurement.run(engine, schedules: schedules, streams: streams, runs: runs) {
                result throws(TaperError) in
                try parts?.sample(beside: result) { measurement.readSpeed(pool, ofBytes: $0) }
            }
            if let describe, let parts { try write(describe, parts, results, of: bundle, engine) }
        }
        show(
            results, of: measurement, name: name, instructionSet: try ThreadPool(threadCount: 1).instructionSet.name)
    }

    /// Tokens of the sample text that comes with the program; none where the bundle has no tokenizer that can read it.
    private func text(of bundle: Bundle) -> [Int] {
        guard let compact = try? bundle.tokenizer(),
            let tokenizer = try? Tokenizer(compact: compact, place: bundle.path)
        else { return [] }
        return (try? tokenizer.encode(Recipe.sampleTexts.heldout)) ?? []
    }

    private func write(
        _ path: String, _ parts: MachineMeasurement, _ results: [SpeedResult], of bundle: Bundle, _ engine: Engine
    ) throws(TaperError) {
        let threads = engine.pool.threadCount
        let shape = try ModelShape(bundle)
        let hardware = try HardwareDescription(
            parts, results, of: shape, rowLimit: engine.rowLimit,
            name: "this machine, \(threads) thread\(threads == 1 ? "" : "s"), \(engine.pool.instructionSet.name)",
            note: "Measured by taper bench: bandwidth by reading memory, products with the matrices of \(shape.name).",
            memoryByteCount: Memory.availableByteCount ?? 1 << 34)
        try AtomicFile.write(Array((hardware.json.text(indented: true) + "\n").utf8), to: path, replacing: true)
    }

    /// The bundle named, or one of random codes that is gone from the folder once it is open.
    private func open() throws(TaperError) -> Bundle {
        switch (model, synthetic) {
        case (let model?, nil): return try Bundle(path: model, copying: noMmap)
        case (nil, let synthetic?):
            let config = try SyntheticBundle.parse(synthetic)
            let precisions =
                try bits.map { text throws(TaperError) in try Precision.storedList(parsing: text, place: "--bits") }
                ?? [2, 3, 4, 5, 6]
            return try randomCodes(config, precisions, keep: keep, copying: noMmap)
        default:
            throw TaperError(.usage, "name a bundle, or dimensions with --synthetic, or use --kernels", at: "bench")
        }
    }

    /// Of random codes, from a file that is gone afterwards unless it is kept.
    private func randomCodes(
        _ config: ModelConfig, _ precisions: [Int], keep: String?, copying: Bool
    ) throws(TaperError) -> Bundle {
        let folder = Files.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let path = keep ?? folder + "/taper-bench-\(processID()).taper"
        if model == nil { Console.note("writing random codes to \(path)") }
        try SyntheticBundle.write(config, precisions: precisions, to: path, replacing: false)
        defer { if keep == nil { Files.remove(path) } }
        return try Bundle(path: path, copying: copying)
    }

    /// A model of so many layers with next to nothing in them.
    private func idleEngine(layers: Int, _ pool: ThreadPool) throws(TaperError) -> Engine {
        let config = try SyntheticBundle.parse(
            "hidden=64,layers=\(layers),heads=1,ffn=64,vocab=64,context=16")
        let bundle = try randomCodes(config, [MachineMeasurement.idleBits], keep: nil, copying: true)
        return try Engine(TransformerWeights(bundle), contextLength: 16, pool: pool)
    }

    private func schedules(_ bundle: Bundle) throws(TaperError) -> [(label: String, schedule: PrecisionSchedule)] {
        var all: [(label: String, schedule: PrecisionSchedule)] = []
        for bits in try PrecisionChoice.list(bits, bundle).reversed() { all.append((bits.label, .constant(bits))) }
        for text in schedule {
            all.append(try PrecisionChoice.schedule(text, bundle))
        }
        return all
    }

    private func show(_ results: [SpeedResult], of measurement: SpeedMeasurement, name: String, instructionSet: String)
    {
        switch output {
        case .json: Console.out(json(results, of: measurement, name: name, instructionSet: instructionSet))
        case .csv:
            Console.out(
                "label,threads,streams,prefill_tokens_per_second,decode_tokens_per_second,bytes_per_token,bytes_per_second,"
                    + "linear_bytes_per_second,read_bytes_per_second")
            for row in results {
                let decode = median(row.decode) ?? 0
                Console.out(
                    [
                        row.label.replacing(",", with: " "), String(row.threads), String(row.streams),
                        fixed(median(row.prefill) ?? 0, 2),
                        fixed(decode, 2), fixed(row.bytesPerToken, 0), fixed(decode * row.bytesPerToken, 0),
                        fixed(median(row.products) ?? 0, 0), fixed(median(row.read) ?? 0, 0),
                    ].joined(separator: ","))
            }
        case .md: Console.out(markdown(results, of: measurement, name: name, instructionSet: instructionSet))
        }
    }

    private func json(_ results: [SpeedResult], of measurement: SpeedMeasurement, name: String, instructionSet: String)
        -> JSONValue
    {
        func array(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        let rows = results.map { row -> JSONValue in
            .object([
                .init("label", .string(row.label)), .init("threads", .integer(row.threads)),
                .init("streams", .integer(row.streams)),
                .init("prefill_tokens_per_second", array(row.prefill)),
                .init("decode_tokens_per_second", array(row.decode)),
                .init("step_seconds", array(row.stepSeconds)),
                .init(
                    "stretches",
                    .array(
                        row.stretches.map {
                            .object([
                                .init("bits", $0.bits.json),
                                .init("decode_tokens_per_second", array($0.tokensPerSecond)),
                            ])
                        })),
                .init("bytes_per_token", .integer(Int(row.bytesPerToken.rounded()))),
                .init("switch_points", .string(row.schedule.text)),
                .init("decode_weight_bytes", .integer(row.counts.weightBytes)),
                .init("decode_cache_bytes", .integer(row.counts.cacheBytes)),
                .init(
                    "decode_multiplications",
                    .integer(row.counts.weightMultiplications + row.counts.cacheMultiplications)),
                .init("prefill_bits", row.schedule.prefillBits.json),
                .init("prefill_weight_bytes", .integer(row.prefillCounts.weightBytes)),
                .init("prefill_cache_bytes", .integer(row.prefillCounts.cacheBytes)),
                .init(
                    "prefill_multiplications",
                    .integer(row.prefillCounts.weightMultiplications + row.prefillCounts.cacheMultiplications)),
                .init("linear_bytes_per_second", array(row.products)),
                .init("linear_seconds", array(row.layerSeconds)), .init("head_seconds", array(row.headSeconds)),
                .init("read_bytes_per_second", array(row.read)),
            ])
        }
        return .object([
            .init("schema", .string("taper-bench-2")), .init("model", .string(name)),
            .init("instruction_set", .string(instructionSet)),
            .init("prompt_tokens", .integer(measurement.promptTokens)),
            .init("new_tokens", .integer(measurement.newTokens)), .init("depth", .integer(depth)),
            .init("rows", .array(rows)),
        ])
    }

    private func markdown(
        _ results: [SpeedResult], of measurement: SpeedMeasurement, name: String, instructionSet: String
    ) -> String {
        func spread(_ values: [Double]) -> String {
            guard let low = values.min(), let high = values.max(), let middle = median(values) else { return "-" }
            return "\(fixed(middle, 1)) (\(fixed(low, 1))-\(fixed(high, 1)))"
        }
        func share(_ speed: Double?, _ read: [Double]) -> String {
            guard let speed, let whole = median(read), speed > 0 else { return "-" }
            return "\(fixed(speed / 1e9, 1)), \(fixed(speed / whole * 100, 0))%"
        }
        var table = TextTable([
            "precision", "threads", "streams", "prefill \(measurement.promptTokens) tok/s",
            "decode \(measurement.newTokens) tok/s", "MB/token",
            "decode GB/s, of read", "linear layers GB/s, of read", "read GB/s",
        ])
        for row in results {
            // Stretch by stretch, so that what a step down costs shows.
            let stretches =
                row.stretches.count < 2
                ? ""
                : " = "
                    + row.stretches.map { "\($0.bits): \(fixed(median($0.tokensPerSecond) ?? 0, 1))" }.joined(
                        separator: ", ")
            table.add([
                row.label, String(row.threads), String(row.streams), spread(row.prefill),
                spread(row.decode) + stretches,
                fixed(row.bytesPerToken / 1e6, 1),
                share(median(row.decode).map { $0 * row.bytesPerToken }, row.read),
                share(median(row.products), row.read), fixed((median(row.read) ?? 0) / 1e9, 1),
            ])
        }
        return "\(name), \(instructionSet), median of \(runs) runs (lowest-highest)\n\n" + table.markdown
    }
}
