/// A piece of a template's source.
struct Token: Sendable {
    enum Kind: Equatable, Sendable {
        case data(Scalars)
        case variableBegin, variableEnd, blockBegin, blockEnd
        case name(String)
        case string(Scalars)
        case integer(Int)
        case float(Double)
        case symbol(String)
    }
    let kind: Kind
    let line: Int

    /// For messages.
    var text: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "{{"
        case .variableEnd: "}}"
        case .blockBegin: "{%"
        case .blockEnd: "%}"
        case .name(let name): name
        case .string: "a string"
        case .integer, .float: "a number"
        case .symbol(let symbol): symbol
        }
    }
}
