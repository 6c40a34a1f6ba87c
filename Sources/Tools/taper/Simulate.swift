import ArgumentParser
import Bundle
import Model
import Pipeline
import Simulation
import Storage

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time and energy of a schedule on an accelerator that a file describes.",
        discussion: """
            Of a bundle, or of a model's shape without weights (samples/shapes):
              taper simulate samples/shapes/vicuna-7b.json --hardware samples/hardware/edge-npu-2tops.json --schedule 3@0,2@85
            """)

    @Argument(help: "Bundle, or a model's shape as JSON.", completion: .file()) var model: String
    @Option(help: "Description of the accelerator, as JSON.", completion: .file()) var hardware: String
    @Option(help: "Schedule, such as 4@0,2@64, static:TASK or learned; repeat for more.") var schedule: [String] = []
    @Option(help: "Constant precisions, such as 2-6 (default without a schedule: all nested ones).") var bits: String?
    @Option(
        help:
            "A learned scheduler: its precisions, then shares of no, a third, two thirds and all steps at the high one, such as 4,3:0.2,0.3,0.3,0.2; repeat for more."
    )
    var learned: [String] = []
    @Option(help: "Recorded generations: what taper-run --json prints, or an array of it.", completion: .file())
    var trace: String?
    @Option(name: [.customShort("p"), .long], help: "Tokens of the prompt.") var promptTokens = 128
    @Option(name: [.customShort("n"), .long], help: "Decode steps.") var newTokens = 256
    @Option(help: "Precision that reads prompts (default: the schedule's, or its highest).") var bitsPrefill: Precision?
    @Option(help: "Vary bandwidth=MB/S,..., buffer=BYTES,... or bits=LIST; repeat for more axes.") var sweep: [String] =
        []
    @Option(help: "Compare with what taper bench -o json printed of the same bundle.", completion: .file())
    var measured: String?
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Also write the report to this folder, as Markdown, JSON and SVG.", completion: .directory)
    var report: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        try OptionLimit.check("-p", promptTokens, 1...Simulation.positionLimit)
        try OptionLimit.check("-n", newTokens, 1...Simulation.positionLimit)
        let isShape = model.hasSuffix(".json")
        let folder = try ReportFolder(
            report, name: "simulate", models: isShape ? [] : [model],
            texts: [isShape ? model : nil, hardware, trace, measured])
        let hardware = try HardwareDescription(path: self.hardware)
        let bundle = isShape ? nil : try Bundle(path: model)
        let shape = try bundle.map { bundle throws(TaperError) in try ModelShape(bundle) } ?? ModelShape(path: model)
        if let measured { return try compare(shape, hardware, with: measured, folder) }
        if !sweep.isEmpty { return try sweep(shape, hardware, folder) }
        let plan = SimulationPlan(shape, on: hardware, schedules: try schedules(shape, bundle))
        let result = try plan.run { if output.verbosity != .quiet { Console.note($0) } }
        let tables = SimulationReport(result)
        if let folder {
            let constants = try SimulationPlan.constants(
                shape, on: hardware, promptTokens: promptTokens, steps: newTokens)
            let files = SimulationPlots(result, constants: constants).files()
            for file in files { try folder.write(file.file, file.svg) }
            try folder.write("simulate.md", tables.markdown(plots: files.map { ($0.file, $0.text) }))
            try folder.write("simulate.json", tables.json)
        }
        if json { return Console.out(tables.json) }
        Console.out(Console.strong(tables.title))
        show(tables.schedules)
        tables.notes.forEach { Console.out(Console.faint($0)) }
        result.warnings.forEach { Console.note("warning: " + $0) }
    }

    private func schedules(_ shape: ModelShape, _ bundle: Bundle?) throws(TaperError) -> [SimulatedSchedule] {
        func followed(_ label: String, _ schedule: PrecisionSchedule) -> SimulatedSchedule {
            SimulatedSchedule(label, PrecisionTrace(schedule, promptTokens: promptTokens, steps: newTokens))
        }
        var all: [SimulatedSchedule] = []
        if let bits {
            for bits in try Precision.list(parsing: bits, place: "--bits").reversed() {
                all.append(followed(bits.label, .constant(bits, prefillBits: bitsPrefill)))
            }
        }
        for text in schedule {
            if let bundle, text == "learned" {
                all.append(
                    try SimulatedSchedule(
                        learnedBy: bundle, prefillBits: bitsPrefill, promptTokens: promptTokens, steps: newTokens))
            } else if let bundle {
                let choice = try PrecisionChoice.schedule(text, bundle, prefill: bitsPrefill)
                all.append(followed(choice.label, choice.schedule))
            } else {
                let steps = try PrecisionSchedule(parsing: text, prefillBits: 0, place: "--schedule")
                all.append(followed(text, steps.prefilled(at: bitsPrefill ?? steps.steps[0].bits)))
            }
        }
        for text in learned { all.append(try learnedSchedule(text)) }
        if let trace {
            let json = try JSONValue.parse(try Files.read(trace, limit: 1 << 28), place: trace)
            all.append(
                SimulatedSchedule(Files.name(of: trace), recorded: try PrecisionTrace.recorded(json, place: trace)))
        }
        if all.isEmpty {
            all = shape.nestedPrecisions.reversed().map { followed($0.label, .constant($0, prefillBits: bitsPrefill)) }
        }
        return all
    }

    private func learnedSchedule(_ text: String) throws(TaperError) -> SimulatedSchedule {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let pair = parts[0].split(separator: ",").map { Precision(text: String($0)) }
        let shares = parts.count == 2 ? parts[1].split(separator: ",").map { parseDouble(String($0)) } : []
        guard pair.count == 2, let high = pair[0], let low = pair[1], !shares.contains(nil) else {
            throw TaperError(
                .usage, "not a learned scheduler", at: "--learned", expected: "HIGH,LOW:SHARE,SHARE,SHARE,SHARE",
                found: "\"" + printable(text) + "\"")
        }
        return try SimulatedSchedule(
            learned: high, low, shares: shares.compactMap { $0 }, prefillBits: bitsPrefill ?? high,
            promptTokens: promptTokens, steps: newTokens)
    }

    private func sweep(_ shape: ModelShape, _ hardware: HardwareDescription, _ folder: ReportFolder?) throws {
        let plan = try SimulationSweep(
            axes: sweep, hardware: hardware, precisions: shape.nestedPrecisions, place: "--sweep")
        let rows = try plan.run(shape, on: hardware, promptTokens: promptTokens, steps: newTokens)
        let document = SimulationSweep.json(rows, shape: shape, hardware: hardware)
        let table = SimulationSweep.table(rows)
        try folder?.write("simulate-sweep.json", document)
        try folder?.write("simulate-sweep.md", SimulationReport.markdown(table) + "\n")
        if json { return Console.out(document) }
        Console.out(Console.strong("\(shape.name) on \(hardware.name)"))
        show(table)
    }

    private func compare(
        _ shape: ModelShape, _ hardware: HardwareDescription, with path: String, _ folder: ReportFolder?
    ) throws {
        let json = try JSONValue.parse(try Files.read(path, limit: 1 << 28), place: path)
        let comparison = try MeasuredDecode.compare(
            try MeasuredDecode.read(json, place: path), try Simulation(shape, on: hardware))
        let document = MeasuredDecode.json(comparison, hardware: hardware)
        let table = MeasuredDecode.table(comparison)
        try folder?.write("simulate-measured.json", document)
        try folder?.write("simulate-measured.md", SimulationReport.markdown(table) + "\n")
        if self.json {
            Console.out(document)
        } else {
            Console.out(Console.strong("\(shape.name) on \(hardware.name), beside \(path)"))
            show(table)
        }
        guard comparison.allSatisfy(\.countsAgree) else {
            throw TaperError(.verificationFailed, "the simulation counts other bytes or multiplications", at: path)
        }
    }

    private func show(_ table: (header: [String], rows: [[String]])) {
        var text = TextTable(table.header)
        table.rows.forEach { text.add($0) }
        text.lines().forEach { Console.out($0) }
    }
}
