import ArgumentParser
import Evaluation
import Kernels
import Storage

/// `taper bench --kernels`: the decode products of the paper's models against 16 bits; needs no bundle.
struct BenchKernels: ParsableArguments {
    @Flag(help: "Compare the decode products with 16 bits, on random weights of the paper's models.")
    var kernels = false
    @Option(help: "Shapes for --kernels, of \(KernelShape.all.map(\.name).joined(separator: ", ")) (default: all).")
    var shapes: String?
    @Option(help: "Megabytes that --kernels reads in one pass; more than the caches hold.")
    var passMegabytes = 512

    /// - Parameters:
    ///   - model: must be nil; a bundle's weights are not what is measured.
    ///   - threads: thread counts such as "1,2"; nil: all processors.
    func run(model: String?, runs: Int, threads: String?, output: Bench.Format) throws(TaperError) {
        guard model == nil else {
            throw TaperError(.usage, "--kernels takes no bundle: its weights are random", at: "bench")
        }
        try OptionLimit.check("--pass-megabytes", passMegabytes, 1...1 << 20)
        let wanted = try shapes.map { text throws(TaperError) in try KernelShape.parse(text) } ?? KernelShape.all
        var benchmark = KernelBenchmark()
        benchmark.threads = try Threads.list(threads)
        benchmark.rounds = runs
        benchmark.bytesPerPass = passMegabytes << 20
        var timings: [KernelTiming] = []
        for shape in wanted {
            for part in KernelShape.Part.allCases {
                Console.note("measuring \(shape.name), \(part.rawValue)")
                timings += try benchmark.run(shape, part)
            }
        }
        let set = try ThreadPool(threadCount: 1).instructionSet.name
        switch output {
        case .json: Console.out(json(timings, set))
        case .csv: csv(timings)
        case .md: markdown(timings, set, runs)
        }
    }

    private func json(_ timings: [KernelTiming], _ instructionSet: String) -> JSONValue {
        func array(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        let rows = timings.map { timing -> JSONValue in
            .object([
                .init("shape", .string(timing.shape)), .init("part", .string(timing.part.rawValue)),
                .init("threads", .integer(timing.threads)), .init("bits", .array(timing.bits.map { .integer($0) })),
                .init("bytes_per_step", .number(timing.bytesPerStep)),
                .init("seconds_per_step", array(timing.secondsPerStep)),
                .init("speedup_over_16_bits", array(timing.speedup)),
                .init("read_bytes_per_second", array(timing.readSpeed)),
            ])
        }
        return .object([
            .init("schema", .string("taper-bench-kernels-1")), .init("instruction_set", .string(instructionSet)),
            .init("pass_bytes", .integer(passMegabytes << 20)), .init("rows", .array(rows)),
        ])
    }

    private func csv(_ timings: [KernelTiming]) {
        Console.out(
            "shape,part,threads,bits,bytes_per_step,seconds_per_step,speedup_over_16_bits,bytes_per_second,share_of_read"
        )
        for timing in timings {
            Console.out(
                [
                    timing.shape, timing.part.rawValue, String(timing.threads),
                    timing.bits.map(String.init).joined(separator: "-"), fixed(timing.bytesPerStep, 0),
                    fixed(timing.medianSeconds, 9), fixed(timing.medianSpeedup, 3), fixed(timing.medianSpeed, 0),
                    fixed(timing.medianShare, 3),
                ].joined(separator: ","))
        }
    }

    private func markdown(_ timings: [KernelTiming], _ instructionSet: String, _ runs: Int) {
        var table = TextTable([
            "shape", "part", "threads", "precision", "MB/step", "us/step", "over 16 bits", "GB/s", "of read speed",
        ])
        for timing in timings {
            let (low, high) = (timing.speedup.min() ?? 0, timing.speedup.max() ?? 0)
            table.add([
                timing.shape, timing.part.rawValue, String(timing.threads), timing.label,
                fixed(timing.bytesPerStep / 1e6, 1), fixed(timing.medianSeconds * 1e6, 0),
                "\(fixed(timing.medianSpeedup, 2)) (\(fixed(low, 2))-\(fixed(high, 2)))",
                fixed(timing.medianSpeed / 1e9, 1), fixed(timing.medianShare * 100, 0) + "%",
            ])
        }
        Console.out(
            "decode products of one block, random weights, \(instructionSet), median of \(runs) rounds (lowest-highest), "
                + "\(passMegabytes) MB or more per pass\n")
        Console.out(table.markdown)
    }
}
