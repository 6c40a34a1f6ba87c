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
        let ids = try tokenizer.encode(
            String(decoding: bytes, as: UTF8.self), addSpecial: !noSpecial, parseSpecial: !noParseSpecial)
        if json {
            // As of a document, but written while it is made: of a long text it would take far more memory than the text.
            write("{\"schema\":\"taper-tokenize-1\",\"ids\":[", ids, ",") { String($0) }
            write("],\"pieces\":[", ids, ",") { JSONValue.string(tokenizer.piece(of: $0)).text() }
            StandardStreams.write("]}\n")
        } else {
            write("", ids, "\n") { Console.line("\($0)\t" + printable(tokenizer.piece(of: $0))) }
            if !ids.isEmpty { StandardStreams.write("\n") }
        }
    }

    /// Writes a text and something of every id, in pieces of some size.
    private func write(_ start: String, _ ids: [Int], _ separator: String, _ text: (Int) -> String) {
        var held = start
        for (index, id) in ids.enumerated() {
            if index > 0 { held += separator }
            held += text(id)
            if held.utf8.count > 1 << 16 {
                StandardStreams.write(held)
                held = ""
            }
        }
        StandardStreams.write(held)
    }
}
