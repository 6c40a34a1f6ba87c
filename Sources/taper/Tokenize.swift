import ArgumentParser
import Evaluation
import Storage
import Text

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Text on standard input to token ids.")

    @Argument(help: "Bundle, checkpoint, GGUF file or tokenizer.json.") var model: String
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(help: "Leave out the tokens the tokenizer adds by itself.") var noSpecial = false
    @Flag(help: "Take special tokens in the text as plain text.") var noParseSpecial = false

    func run() throws {
        let tokenizer: Tokenizer
        if model.hasSuffix(".json") {
            tokenizer = try Tokenizer(
                tokenizerJSON: try JSONValue.parse(try Files.read(model, limit: 100_000_000), place: model),
                place: model)
        } else {
            tokenizer = try AnyModel(path: model).tokenizer()
        }
        for warning in tokenizer.warnings { Console.note("warning: " + warning) }
        let bytes = try Files.readStandardInput(limit: 1 << 28)
        guard let text = try bytes.withBytes({ raw throws(TaperError) in strictString(raw) }) else {
            throw TaperError(.badData, "the text is not UTF-8", at: "standard input")
        }
        let ids = try tokenizer.encode(text, addSpecial: !noSpecial, parseSpecial: !noParseSpecial)
        let pieces = ids.map { tokenizer.piece(of: $0) }
        if json {
            Console.out(
                JSONValue.object([
                    .init("schema", .string("taper-tokenize-1")), .init("ids", .array(ids.map { .integer($0) })),
                    .init("pieces", .array(pieces.map { .string($0) })),
                ]).text())
        } else {
            for (id, piece) in zip(ids, pieces) { Console.out("\(id)\t\(printable(piece))") }
        }
    }
}
