import ArgumentParser
import Pipeline
import Storage

/// The stages of a conversion, one by one.
struct StageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stage",
        abstract: "List, plan, run and explain the stages of a conversion one by one.",
        discussion: """
            A stage has inputs (weights, texts, other stages' outputs), settings and a version; its output is stored under a
            key made of them. CHECKPOINT and options are those of taper convert. A name may say which of several: quantize:TENSOR,
            calibrate:TASK.
            """,
        subcommands: [List.self, Plan.self, Run.self, Explain.self])

    /// A checkpoint and what is to be made of it.
    struct Subject: ParsableArguments {
        @OptionGroup var making: MakingOptions
        @OptionGroup var output: OutputOptions

        func stages(_ input: String) throws(TaperError) -> StageReport {
            try StageReport(
                Converter(
                    input: input, output: nil, recipe: try making.settings(), options: try making.options(force: false),
                    progress: Progress(output.quiet ? .quiet : output.verbosity)))
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The stages, one line each; of a checkpoint with keys, and whether the output is stored.")
        @Argument(help: "Checkpoint directory or GGUF file.", completion: .file()) var checkpoint: String?
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var subject: Subject

        func run() throws {
            guard let checkpoint else {
                if json { return Console.out(StageReport.kindsJSON) }
                return StageReport.kindLines.forEach { Console.out($0) }
            }
            let report = try subject.stages(checkpoint)
            if json { return Console.out(report.planJSON) }
            var table = TextTable(["stage", "key", "stored"])
            for row in report.rows { table.add([row.label, row.key, row.byteCount.map { byteText($0) } ?? "-"]) }
            table.lines(indent: 0).forEach { Console.out($0) }
        }
    }

    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The graph of a conversion's stages as JSON: inputs, settings, keys, and what is stored.")
        @Argument(help: "Checkpoint directory or GGUF file.", completion: .file()) var checkpoint: String
        @OptionGroup var subject: Subject

        func run() throws { Console.out(try subject.stages(checkpoint).planJSON) }
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make one stage's output and what it needs, and nothing else.")
        @Argument(help: "A stage's name, such as arrange, quantize or calibrate:TASK.") var name: String
        @Argument(help: "Checkpoint directory or GGUF file.", completion: .file()) var checkpoint: String
        @Option(name: .shortAndLong, help: "The bundle that the stage pack writes.", completion: .file()) var output:
            String?
        @Flag(help: "Replace an existing output.") var force = false
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var subject: Subject

        func run() throws {
            let report = try subject.stages(checkpoint)
            let outcome = try report.run(name, output: output, force: force)
            if json { return Console.out(outcome.json) }
            outcome.lines.forEach { Console.out($0) }
        }
    }

    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a stage is made from, where its output is stored, and why it would be made again.")
        @Argument(help: "A stage's name, such as arrange, quantize or calibrate:TASK.") var name: String
        @Argument(help: "Checkpoint directory or GGUF file.", completion: .file()) var checkpoint: String
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var subject: Subject

        func run() throws {
            let explained = try subject.stages(checkpoint).explain(name)
            if json { return Console.out(explained.json) }
            explained.lines.forEach { Console.out($0) }
        }
    }
}
