import ArgumentParser
import Bundle
import Kernels
import Model
import Pipeline
import Runtime
import Storage

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prefill and decode speed per precision, beside the memory bandwidth measured in the same run.")

    enum Format: String, ExpressibleByArgument { case md, json, csv }

    @Argument(help: "Bundle.") var model: String
    @Option(name: [.customShort("p"), .long], help: "Prompt tokens; 0 to skip.") var promptTokens = 512
    @Option(name: [.customShort("n"), .long], help: "Tokens to decode; 0 to skip.") var newTokens = 128
    @Option(name: [.customShort("r"), .long], help: "Runs; the median is shown.") var runs = 5
    @Option(name: [.customShort("t"), .long], help: "Thread counts, such as 1,2.") var threads: String?
    @Option(help: "Precisions, such as 2-6 or 4 (default: all).") var bits: String?
    @Option(help: "Also a schedule, such as 4@0,2@64.") var schedule: String?
    @Option(name: [.customShort("o"), .long], help: "md, json or csv.") var output = Format.md

    struct Row {
        var label: String
        var threads: Int
        var prefill: [Double] = []
        var decode: [Double] = []
        var bytesPerToken = 0.0
        var bandwidth: [Double] = []
    }

    func run() throws {
        let bundle = try Bundle(path: model)
        guard promptTokens >= 0, newTokens >= 0, runs >= 1, promptTokens + newTokens > 0,
            promptTokens + newTokens + 1 <= bundle.manifest.model.contextLength
        else {
            throw TaperError(
                .usage, "-p, -n and -r must be positive and fit the context", at: "bench",
                expected: "-p plus -n at most \(bundle.manifest.model.contextLength - 1)")
        }
        var counts: [Int] = []
        for part in (threads ?? String(processorCount())).split(separator: ",") {
            guard let count = Int(part) else {
                throw TaperError(.usage, "-t takes thread counts such as 1,2", at: "-t")
            }
            counts.append(try Threads.count(count))
        }
        var schedules: [(label: String, schedule: PrecisionSchedule)] = []
        let wanted =
            try bits.map { text throws(TaperError) in try Recipe.parsePrecisions(text) } ?? bundle.manifest.precisions
        for bits in wanted.reversed() {
            schedules.append(("\(try Precision.check(bits, bundle)) bits", .constant(bits)))
        }
        if let schedule {
            let parsed = try PrecisionSchedule(
                parsing: schedule, prefillBits: bundle.manifest.precisions.last ?? 8, place: "--schedule")
            try parsed.check(precisions: bundle.manifest.precisions, place: "--schedule")
            schedules.append((schedule, parsed))
        }
        // Larger than any cache, so that the loop reads memory.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 1)
        var rows: [Row] = []
        for count in counts {
            let pool = try ThreadPool(threadCount: count)
            let transformer = try Transformer(
                bundle: bundle, contextLength: promptTokens + newTokens + 1, pool: pool)
            let first = rows.count
            for item in schedules { rows.append(Row(label: item.label, threads: count)) }
            // One warm-up round, then rounds that take every schedule in turn, so that drift hits all alike.
            for round in 0...runs {
                for (order, item) in schedules.enumerated() {
                    try Interrupt.check("Nothing was written")
                    let result = try measure(transformer, item.schedule)
                    let bandwidth = self.bandwidth(UnsafeRawBufferPointer(buffer), pool)
                    guard round > 0 else { continue }
                    if promptTokens > 0 { rows[first + order].prefill.append(result.prefill) }
                    if newTokens > 0 { rows[first + order].decode.append(result.decode) }
                    rows[first + order].bytesPerToken = result.bytes
                    rows[first + order].bandwidth.append(bandwidth)
                }
            }
        }
        show(rows, instructionSet: try ThreadPool(threadCount: 1).instructionSet.name)
    }

    /// Tokens per second of prefill and decode, and bytes of weights read per decoded token.
    private func measure(
        _ transformer: Transformer, _ schedule: PrecisionSchedule
    ) throws(TaperError) -> (prefill: Double, decode: Double, bytes: Double) {
        let vocabulary = transformer.config.vocabularySize
        func token(_ index: Int) -> Int { (index &* 7919 + 13) % vocabulary }
        var prefill = 0.0
        var decode = 0.0
        var bytes = 0
        if promptTokens > 0 {
            transformer.truncate(to: 0)
            let start = monotonicSeconds()
            _ = try transformer.forward((0..<promptTokens).map(token), bits: schedule.prefillBits)
            prefill = Double(promptTokens) / (monotonicSeconds() - start)
        }
        if newTokens > 0 {
            transformer.truncate(to: 0)
            _ = try transformer.forward([token(0)], bits: schedule.prefillBits)
            let start = monotonicSeconds()
            for step in 0..<newTokens {
                let bits = schedule.bits(atStep: step)
                bytes += transformer.bytesPerToken(bits: bits)
                _ = try transformer.forward(token(step), bits: bits)
            }
            decode = Double(newTokens) / (monotonicSeconds() - start)
        }
        return (prefill, decode, Double(bytes) / Double(max(newTokens, 1)))
    }

    private func bandwidth(_ bytes: UnsafeRawBufferPointer, _ pool: ThreadPool) -> Double {
        let start = monotonicSeconds()
        _ = readAll(bytes, pool: pool)
        return Double(bytes.count) / (monotonicSeconds() - start)
    }

    private func show(_ rows: [Row], instructionSet: String) {
        func median(_ values: [Double]) -> Double? {
            values.isEmpty ? nil : values.sorted()[values.count / 2]
        }
        func spread(_ values: [Double]) -> String {
            guard let low = values.min(), let high = values.max(), let middle = median(values) else { return "-" }
            return "\(fixed(middle, 1)) (\(fixed(low, 0))-\(fixed(high, 0)))"
        }
        switch output {
        case .json:
            let list = rows.map { row -> JSONValue in
                func array(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
                return .object([
                    .init("label", .string(row.label)), .init("threads", .integer(row.threads)),
                    .init("prefill_tokens_per_second", array(row.prefill)),
                    .init("decode_tokens_per_second", array(row.decode)),
                    .init("bytes_per_token", .number(row.bytesPerToken)),
                    .init("read_bytes_per_second", array(row.bandwidth)),
                ])
            }
            Console.out(
                .object([
                    .init("schema", .string("taper-bench-1")), .init("model", .string(model)),
                    .init("instruction_set", .string(instructionSet)), .init("prompt_tokens", .integer(promptTokens)),
                    .init("new_tokens", .integer(newTokens)), .init("rows", .array(list)),
                ]))
        case .csv:
            Console.out(
                "label,threads,prefill_tokens_per_second,decode_tokens_per_second,bytes_per_token,bytes_per_second,read_bytes_per_second"
            )
            for row in rows {
                let decode = median(row.decode) ?? 0
                Console.out(
                    [
                        row.label, String(row.threads), fixed(median(row.prefill) ?? 0, 2), fixed(decode, 2),
                        fixed(row.bytesPerToken, 0), fixed(decode * row.bytesPerToken, 0),
                        fixed(median(row.bandwidth) ?? 0, 0),
                    ].joined(separator: ","))
            }
        case .md:
            var table = TextTable([
                "precision", "threads", "prefill \(promptTokens) tok/s", "decode \(newTokens) tok/s", "MB/token",
                "GB/s", "of read speed",
            ])
            for row in rows {
                let speed = (median(row.decode) ?? 0) * row.bytesPerToken
                let read = median(row.bandwidth) ?? 1
                table.add([
                    row.label, String(row.threads), spread(row.prefill), spread(row.decode),
                    fixed(row.bytesPerToken / 1e6, 1), fixed(speed / 1e9, 1), fixed(speed / read * 100, 0) + "%",
                ])
            }
            Console.out("\(model), \(instructionSet), median of \(runs) runs (lowest-highest)\n")
            Console.out(table.markdown)
        }
    }
}
