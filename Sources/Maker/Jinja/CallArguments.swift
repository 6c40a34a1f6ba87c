internal import Storage

/// Values of a call.
struct CallArguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []

    var isEmpty: Bool { positional.isEmpty && named.isEmpty }

    /// The values in the order of the parameters' names; nil for those not given.
    func bound(
        _ parameters: [String], required: Int = 0, to function: String, _ line: Int
    ) throws(TaperError) -> [Value?] {
        guard positional.count <= parameters.count else {
            throw fault(.badData, "too many arguments for '" + function + "'", line: line)
        }
        var values: [Value?] = positional + [Value?](repeating: nil, count: parameters.count - positional.count)
        for argument in named {
            guard let at = parameters.firstIndex(of: argument.name), at >= positional.count else {
                throw fault(
                    .badData, "'" + function + "' takes no argument '" + printable(argument.name) + "' here",
                    line: line)
            }
            values[at] = argument.value
        }
        guard values.prefix(required).allSatisfy({ $0 != nil }) else {
            throw fault(.badData, "too few arguments for '" + function + "'", line: line)
        }
        return values
    }
}
