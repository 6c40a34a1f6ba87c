internal import Storage

extension Interpreter {
    /// Names that templates find without being given them. The last three are Jinja's but not for templates that only
    /// write prompts: they are refused when called.
    static let functions = [
        "range", "dict", "namespace", "raise_exception", "strftime_now", "cycler", "joiner", "lipsum",
    ]
    /// The sandbox's own bound on `range`.
    private static let rangeLimit = 100_000

    func call(global name: String, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Value {
        switch name {
        case "range": return .range(try range(arguments, line))
        case "dict", "namespace":
            var entries: [(key: Value, value: Value)] = []
            if let first = arguments.positional.first {
                guard arguments.positional.count == 1, case .dictionary(let mapping) = first else {
                    throw unsupported("'" + name + "' of anything but a dictionary", line: line)
                }
                entries = mapping.entries
            }
            entries += arguments.named.map { (Value($0.name), $0.value) }
            guard name == "dict" else {
                let space = Namespace()
                for case (.string(let key), let value) in entries { space.attributes[String(scalars: key)] = value }
                return .namespace(space)
            }
            var mapping = Mapping()
            for entry in entries { mapping[entry.key] = entry.value }
            return .dictionary(mapping)
        case "raise_exception":
            let message = try arguments.bound(["message"], required: 1, to: name, line)[0] ?? .none
            let text = String(scalars: try message.printed(line))
            throw fault(.usage, "the template refuses the conversation: " + printable(text, limit: 300), line: line)
        case "strftime_now":
            guard case .string(let format)? = try arguments.bound(["format"], required: 1, to: name, line)[0] else {
                throw fault(.badData, "strftime_now needs a format", line: line)
            }
            return .string(try now.formatted(format, line: line))
        case "loop.cycle", "loop.changed": throw fault(.internalFault, "a loop's function without its loop", line: line)
        default: throw unsupported("the function '" + name + "'", line: line)
        }
    }

    private func range(_ arguments: CallArguments, _ line: Int) throws(TaperError) -> IntegerRange {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw fault(.badData, "range takes one to three integers", line: line)
        }
        var numbers: [Int] = []
        for value in arguments.positional {
            guard let number = value.wholeNumber else {
                throw fault(.badData, "range needs integers, not " + value.typeName, line: line)
            }
            numbers.append(number)
        }
        let start = numbers.count > 1 ? numbers[0] : 0
        let stop = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw fault(.badData, "range cannot have the step 0", line: line) }
        let (distance, isTooFar) =
            step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        let count = isTooFar ? Int.max : distance <= 0 ? 0 : Int((UInt(distance) - 1) / step.magnitude) + 1
        guard count <= Interpreter.rangeLimit else {
            throw fault(
                .badData, "the range has more than " + String(Interpreter.rangeLimit) + " numbers", line: line)
        }
        try make(count, line)
        return IntegerRange(start: start, stop: stop, step: step, count: count)
    }
}

extension LoopState {
    /// nil for names that `loop` does not have.
    func attribute(_ name: String, _ itself: Value) -> Value? {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(items.count - index)
        case "revindex0": .integer(items.count - index - 1)
        case "first": .boolean(index == 0)
        case "last": .boolean(index == items.count - 1)
        case "length": .integer(items.count)
        case "depth": .integer(1)
        case "depth0": .integer(0)
        case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
        case "cycle", "changed": .method(itself, name)
        default: nil
        }
    }

    func call(_ name: String, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Value {
        guard arguments.named.isEmpty, name == "changed" || !arguments.positional.isEmpty else {
            throw fault(.badData, "loop." + name + " needs values", line: line)
        }
        let values = arguments.positional
        if name == "cycle" { return values[index % values.count] }
        let isSame = lastChecked.map { Value.tuple($0).equals(.tuple(values)) } ?? false
        lastChecked = values
        return .boolean(!isSame)
    }
}
