internal import Storage

/// What a template may take, so that a hostile one ends in an error and not in a full memory.
enum Limits {
    /// Bytes of a template's source; the largest published ones have some 30 thousand.
    static let source = 1_000_000
    static let steps = 1_000_000
    /// Bytes of UTF-8.
    static let output = 8_000_000
    /// Blocks in blocks and brackets in brackets.
    static let nesting = 64
    /// Depth of one expression's tree, which long chains of operators also make.
    static let expressionDepth = 200
    /// Calls, blocks and expressions under way at once.
    static let callDepth = 400
    /// Characters of one text, elements of one list.
    static let length = 8_000_000
    /// Characters and elements made by all operations together.
    static let copied = 64_000_000
}

/// A fault with the line of the template.
func fault(
    _ code: TaperError.Code, _ what: String, line: Int, remedy: String = ""
) -> TaperError {
    TaperError(code, what, at: "line " + String(line), remedy: remedy)
}

func unsupported(_ what: String, line: Int) -> TaperError {
    fault(.unsupported, what + " is outside the part of Jinja that Taper reads", line: line)
}
