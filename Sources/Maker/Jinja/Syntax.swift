/// An expression with the line it starts at and how deeply it nests.
struct Node: Sendable {
    let line: Int
    let depth: Int
    let kind: Kind

    indirect enum Kind: Sendable {
        case constant(Constant)
        case name(String)
        case list([Node])
        case tuple([Node])
        case dictionary([(key: Node, value: Node)])
        case attribute(Node, String)
        case item(Node, Node)
        case slice(Node, from: Node?, to: Node?, by: Node?)
        case call(Node, Arguments)
        case filter(Node, FilterCall)
        case test(Node, String, Arguments)
        case not(Node)
        case negative(Node)
        case positive(Node)
        case arithmetic(String, Node, Node)
        case comparison(Node, [(symbol: String, operand: Node)])
        case and(Node, Node)
        case or(Node, Node)
        case concatenation([Node])
        case conditional(test: Node, then: Node, otherwise: Node?)
    }
}

enum Constant: Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(Scalars)
}

struct Arguments: Sendable {
    var positional: [Node] = []
    var named: [(name: String, value: Node)] = []
    var all: [Node] { positional + named.map(\.value) }
}

struct FilterCall: Sendable {
    let name: String
    let arguments: Arguments
    let line: Int
}

indirect enum Target: Sendable {
    case name(String)
    case tuple([Target])
    case attribute(namespace: String, String)
}

/// A macro of the template.
public final class MacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, standard: Node?)]
    let body: [Statement]
    init(name: String, parameters: [(name: String, standard: Node?)], body: [Statement]) {
        self.name = name
        self.parameters = parameters
        self.body = body
    }
}

indirect enum Statement: Sendable {
    case text(Scalars)
    case output(Node)
    case loop(ForLoop)
    case condition(branches: [(test: Node, body: [Statement])], otherwise: [Statement])
    case assign(Target, Node)
    case capture(Target, [FilterCall], [Statement], line: Int)
    case macro(MacroDefinition)
    case filter([FilterCall], [Statement], line: Int)
    case with([(target: Target, value: Node)], [Statement])
    /// `{% generation %}`: only marks its text for training.
    case generation([Statement])
    case breakLoop
    case continueLoop
}

struct ForLoop: Sendable {
    let target: Target
    let iterable: Node
    let condition: Node?
    let body: [Statement]
    let otherwise: [Statement]
    let line: Int
}
