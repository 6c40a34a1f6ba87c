public import Storage

/// A chat template in Jinja, as publishers write them and the transformers library runs them: with `trim_blocks`,
/// `lstrip_blocks`, loop controls, and the functions `raise_exception` and `strftime_now`.
///
/// This is a part of the language, read strictly: whatever is outside it, or would reach for anything but the variables
/// given, is refused with its line. Time, memory and output are bounded.
public struct Template: Sendable {
    private let body: [Statement]
    private let place: String
    /// Every string that the template's expressions contain, once, in the order of the source.
    public let literals: [String]

    /// - Parameter place: what messages call the template.
    /// - Throws: `badData` for what is no template, `unsupported` for parts of the language that are not read.
    public init(_ source: String, place: String) throws(TaperError) {
        guard source.utf8.count <= Limits.source else {
            throw TaperError(
                .badData, "the template is too large", at: place, expected: "at most " + byteText(Limits.source),
                found: byteText(source.utf8.count))
        }
        self.place = place
        do throws(TaperError) {
            body = try Parser.parse(source)
            var seen: Set<Scalars> = []
            var texts: [String] = []
            for token in try Lexer.tokens(source) {
                if case .string(let text) = token.kind, seen.insert(text).inserted {
                    texts.append(String(scalars: text))
                }
            }
            literals = texts
        } catch { throw error.at(place) }
    }

    /// The template's text for these variables.
    ///
    /// - Parameter now: what `strftime_now` says.
    /// - Throws: `usage` when the template itself refuses them (`raise_exception`), `badData` where Python would fail or a
    ///   limit is reached, `unsupported` for what is not read.
    public func render(_ variables: [(name: String, value: Value)], now: Moment) throws(TaperError) -> String {
        let interpreter = Interpreter(now: now)
        do throws(TaperError) {
            return String(scalars: try interpreter.run(body, variables))
        } catch { throw error.at(place) }
    }
}
