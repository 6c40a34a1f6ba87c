import ArgumentParser
import Bundle
import Evaluation
import Kernels
import Model
import Pipeline
import Runtime
import Storage
import Text

struct EvalHead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "head",
        abstract: "How often the head's leading bits find what the whole head would, and how much of it is read.")
    @Argument(help: "Bundle.", completion: .file()) var model: String
    @OptionGroup var window: WindowOptions
    @Option(help: "Numbers of likeliest tokens that have to be found.") var leading = "1,40"
    @Option(help: "Precisions, such as 2-6 or 4 (default: all).") var bits: String?
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let bundle = try Bundle(path: model)
        let source = try SourceText(path: window.data)
        let progress = Progress(output.verbosity)
        let leading = try OptionLimit.counts(leading, at: "--leading", example: "1,40")
        let rule = PerplexityProtocol(window: window.window, stride: window.stride, windowLimit: window.windows)
        let tokenizer = try Tokenizer(compact: try bundle.tokenizer(), place: model)
        let sequences = try rule.windows(of: source.text, tokenizer: tokenizer, place: window.data).map(\.tokens)
        let engine = try Engine(
            try TransformerWeights(bundle), contextLength: sequences.map(\.count).max() ?? 1,
            pool: try ThreadPool(threadCount: try Threads.count(threads)))
        let precisions = try PrecisionChoice.list(bits, bundle)
        progress.begin("head")
        var results: [HeadAgreement] = []
        for (index, bits) in precisions.enumerated() {
            results.append(
                try HeadAgreement(engine, sequences: sequences, leading: leading, bits: bits) {
                    progress.update((Double(index) + $0) / Double(precisions.count), bits.label)
                })
        }
        progress.end("\(sequences.count) windows")
        json ? Console.out(document(results)) : table(results).lines().forEach { Console.out($0) }
    }

    private func table(_ results: [HeadAgreement]) -> TextTable {
        var table = TextTable([
            "bits", "likeliest", "tokens", "other than whole", "whole read", "leading bits", "rows in full", "MB/token",
            "whole MB",
        ])
        for result in results {
            for row in result.rows {
                table.add([
                    result.bits.text, "\(row.leading)", "\(row.tokens)", "\(row.misses)", "\(row.fallbacks)",
                    row.leadBits.map(String.init) ?? "-", fixed(Double(row.rows) / Double(max(1, row.tokens)), 0),
                    fixed(row.bytesPerToken / 1e6, 1), fixed(Double(result.wholeBytes) / 1e6, 1),
                ])
            }
        }
        return table
    }

    private func document(_ results: [HeadAgreement]) -> JSONValue {
        .object([
            .init("schema", .string("taper-head-1")), .init("model", .string(model)),
            .init("text", .string(window.data)),
            .init(
                "results",
                .array(
                    results.flatMap { result in
                        result.rows.map { row in
                            .object([
                                .init("bits", result.bits.json), .init("leading", .integer(row.leading)),
                                .init("tokens", .integer(row.tokens)), .init("misses", .integer(row.misses)),
                                .init("fallbacks", .integer(row.fallbacks)),
                                .init("lead_bits", row.leadBits.map { .integer($0) } ?? .null),
                                .init("rows_per_token", .number(Double(row.rows) / Double(max(1, row.tokens)))),
                                .init("bytes_per_token", .number(row.bytesPerToken)),
                                .init("whole_bytes", .integer(result.wholeBytes)),
                            ])
                        }
                    })),
        ])
    }
}
