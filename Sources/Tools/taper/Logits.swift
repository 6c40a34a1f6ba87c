import ArgumentParser
import Evaluation
import Bundle
import Checkpoint
import Decoding
import Kernels
import Model
import Reference
import Runtime
import Storage

struct Logits: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Logits after every token: the float reference on a checkpoint, the quantized runtime on a bundle.")

    @Argument(help: "Bundle or checkpoint.", completion: .file()) var model: String
    @Option(help: "Token ids, such as 5,17,3.") var tokens: String
    @Option(help: "Precision, such as 4 or 3.5 (bundles; default: the highest).") var bits: Precision?
    @Option(name: .shortAndLong, help: "Threads (default: all processors).") var threads: Int?
    @Flag(help: "Print JSON (the only form).") var json = false

    func run() throws {
        var ids: [Int] = []
        for part in tokens.split(separator: ",", omittingEmptySubsequences: false) {
            guard let id = Int(part.trimmingPrefix(" ")) else {
                throw TaperError(
                    .usage, "--tokens takes ids separated by commas", at: "--tokens", found: printable(String(part)))
            }
            ids.append(id)
        }
        let count = try Threads.count(threads)
        let opened = try AnyModel(path: model)
        for id in ids where !(0..<opened.config.vocabularySize).contains(id) {
            throw TaperError(
                .usage, "token outside the vocabulary", at: "--tokens",
                expected: "0 to \(opened.config.vocabularySize - 1)", found: String(id))
        }
        var rows: [JSONValue] = []
        switch opened {
        case .checkpoint(let checkpoint):
            guard bits == nil else { throw TaperError(.usage, "--bits works on bundles", at: model) }
            for warning in checkpoint.warnings { Console.note("warning: " + warning) }
            let vocabulary = checkpoint.config.vocabularySize
            let logits = try ReferenceModel(checkpoint, residency: .streamed, threads: count).logits(ids)
            for row in 0..<ids.count {
                rows.append(.array(logits[row * vocabulary..<(row + 1) * vocabulary].map { .number(Double($0)) }))
            }
        case .bundle(let bundle):
            let precision = try PrecisionChoice.check(bits, bundle)
            let engine = try Engine(
                try TransformerWeights(bundle),
                contextLength: min(max(ids.count, 1), bundle.manifest.model.contextLength),
                pool: try ThreadPool(threadCount: count))
            try engine.read(ids, into: try engine.makeSequence(), wanting: .all, bits: precision) { _, logits in
                rows.append(.array(logits.map { .number(Double($0)) }))
            }
        }
        Console.out(
            JSONValue.object([.init("schema", .string("taper-logits-1")), .init("logits", .array(rows))]).text())
    }
}
