import ArgumentParser
import Checkpoint
import Evaluation
import Storage
import Text

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Text on standard input to token ids.")

    @Argument(help: "Bundle, checkpoint, GGUF file or tokenizer.json.", completion: .file()) var model: String
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(help: "Leave out the tokens the tokenizer adds by itself.") var noSpecial = false
    @Flag(help: "Take special tokens in the text as plain text.") var noParseSpecial = false

    func run() throws {
        let tokenizer: Tokenizer
        if model.hasSuffix(".json") {
            tokenizer = try Checkpoint.tokenizer(file: model)
        } else {
            tokenizer = try AnyModel(path: model).tokenizer()
        }
        for warning in tokenizer.warnings { Console.note("warning: " + warning) }
        let bytes = try StandardStreams.readAll(limit: 1 << 28)
        try bytes.withBytes { raw throws(TaperError) in try Files.checkText(raw, place: "standard input") }
        if bytes.withUnsafeBytes({ ByteOrderMark.count($0) }) > 0 {
            Console.note(
                "warning: standard input begins with a byte order mark, which becomes tokens like any character")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let ids = try tokenizer.encode(text, addSpecial: !noSpecial, parseSpecial: !noParseSpecial)
        let pieces = ids.map { tokenizer.piece(of: $0) }
        if json {
            Console.out(
                .object([
                    .init("schema", .string("taper-tokenize-1")), .init("ids", .array(ids.map { .integer($0) })),
                    .init("pieces", .array(pieces.map { .string($0) })),
                ]), indented: false)
        } else {
            for (id, piece) in zip(ids, pieces) { Console.out("\(id)\t\(printable(piece))") }
        }
    }
}
