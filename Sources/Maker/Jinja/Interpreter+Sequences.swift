internal import Storage

extension Interpreter {
    func sequenceFilter(
        _ name: String, _ value: Value, _ arguments: CallArguments, _ line: Int
    ) throws(TaperError) -> Value {
        func bound(_ parameters: [String], required: Int = 0) throws(TaperError) -> [Value?] {
            try arguments.bound(parameters, required: required, to: name, line)
        }
        switch name {
        case "list":
            let values = try elements(value, line)
            try make(values.count, line)
            return .list(values)
        case "first":
            if case .iterator(let iterator) = value { return iterator.next() ?? .undefined("the first of nothing") }
            return try elements(value, line).first ?? .undefined("the first of nothing")
        case "last":
            if case .iterator = value { throw fault(.badData, "a generator has no last value", line: line) }
            return try elements(value, line).last ?? .undefined("the last of nothing")
        case "join":
            let values = try bound(["d", "attribute"])
            var parts: [Scalars] = []
            for item in try elements(value, line) {
                let part =
                    if let attribute = values[1], !attribute.isNone {
                        try self.attribute(path: attribute, of: item, nil, line)
                    } else {
                        item
                    }
                parts.append(try part.printed(line))
            }
            return .string(try joined(parts, try (values[0] ?? .string([])).printed(line), line))
        case "reverse":
            if case .string(let text) = value {
                try make(text.count, line)
                return .string(text.reversed())
            }
            let values = try elements(value, line)
            try make(values.count, line)
            return .iterator(ValueIterator(values.reversed()))
        case "items":
            if value.isUndefined { return .iterator(ValueIterator([])) }
            guard case .dictionary(let mapping) = value else {
                throw fault(.badData, "items needs a dictionary, not " + value.typeName, line: line)
            }
            return .iterator(ValueIterator(mapping.entries.map { .tuple([$0.key, $0.value]) }))
        case "dictsort": return try dictionarySorted(value, try bound(["case_sensitive", "by", "reverse"]), line)
        case "sort":
            let values = try bound(["reverse", "case_sensitive", "attribute"])
            return .list(
                try sorted(
                    try elements(value, line), by: values[2], caseSensitive: values[1]?.isTrue ?? false,
                    descending: values[0]?.isTrue ?? false, line))
        case "unique":
            let values = try bound(["case_sensitive", "attribute"])
            var keys: [Value] = []
            var kept: [Value] = []
            for item in try elements(value, line) {
                try step(line)
                let key = try sortKey(item, values[1], values[0]?.isTrue ?? false, line)
                guard !keys.contains(where: { $0.equals(key) }) else { continue }
                try make(keys.count, line)
                keys.append(key)
                kept.append(item)
            }
            return .iterator(ValueIterator(kept))
        case "min", "max":
            let values = try bound(["case_sensitive", "attribute"])
            return try extreme(
                try elements(value, line), largest: name == "max", by: values[1],
                caseSensitive: values[0]?.isTrue ?? false, line)
        case "sum":
            let values = try bound(["attribute", "start"])
            var total = values[1] ?? .integer(0)
            for item in try elements(value, line) {
                try step(line)
                let part =
                    if let attribute = values[0], !attribute.isNone {
                        try self.attribute(path: attribute, of: item, nil, line)
                    } else {
                        item
                    }
                total = try arithmetic("+", total, part, line)
            }
            return total
        case "map": return .iterator(ValueIterator(try mapped(value, arguments, line)))
        case "select", "reject", "selectattr", "rejectattr":
            return .iterator(ValueIterator(try selected(name, value, arguments, line)))
        case "batch":
            let values = try bound(["linecount", "fill_with"], required: 1)
            guard let width = values[0]?.wholeNumber, width > 0 else {
                throw fault(.badData, "batch needs a positive number", line: line)
            }
            var rows: [Value] = []
            var row: [Value] = []
            for item in try elements(value, line) {
                row.append(item)
                if row.count == width {
                    rows.append(.list(row))
                    row = []
                }
            }
            if !row.isEmpty {
                if let filling = values[1], !filling.isNone {
                    try make(width, line)
                    row += [Value](repeating: filling, count: width - row.count)
                }
                rows.append(.list(row))
            }
            return .iterator(ValueIterator(rows))
        default: throw unsupported("the filter '" + printable(name) + "'", line: line)
        }
    }

    /// The value at a path such as "function.name" or 0.
    private func attribute(
        path: Value, of value: Value, _ standard: Value?, _ line: Int
    ) throws(TaperError) -> Value {
        var result = value
        if path.wholeNumber != nil {
            result = try item(result, path, line)
        } else if case .string(let text) = path {
            for part in text.split(["."], limit: Int.max, fromEnd: false) {
                let index = Int(String(scalars: part)).map { Value.integer($0) } ?? .string(part)
                result = try item(result, index, line)
                if result.isUndefined, let standard { result = standard }
            }
        } else {
            throw fault(.badData, "an attribute's name must be a string", line: line)
        }
        return result
    }

    private func mapped(_ value: Value, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> [Value] {
        var results: [Value] = []
        let items = try elements(value, line)
        if arguments.positional.isEmpty, let path = arguments.named.first(where: { $0.name == "attribute" })?.value {
            guard arguments.named.allSatisfy({ $0.name == "attribute" || $0.name == "default" }) else {
                throw fault(.badData, "map takes 'attribute' and 'default'", line: line)
            }
            let standard = arguments.named.first { $0.name == "default" }?.value
            for item in items {
                try step(line)
                results.append(try attribute(path: path, of: item, standard, line))
            }
            return results
        }
        guard case .string(let name)? = arguments.positional.first else {
            throw fault(.badData, "map needs a filter's name", line: line)
        }
        var rest = arguments
        rest.positional.removeFirst()
        for item in items {
            try step(line)
            results.append(try filter(String(scalars: name), item, rest, line))
        }
        return results
    }

    private func selected(
        _ name: String, _ value: Value, _ arguments: CallArguments, _ line: Int
    ) throws(TaperError) -> [Value] {
        let wanted = name.hasPrefix("select")
        var rest = arguments
        var path: Value?
        if name.hasSuffix("attr") {
            guard let first = rest.positional.first else {
                throw fault(.badData, "'" + name + "' needs an attribute's name", line: line)
            }
            path = first
            rest.positional.removeFirst()
        }
        var testName: String?
        if let first = rest.positional.first {
            guard case .string(let text) = first else {
                throw fault(.badData, "'" + name + "' needs a test's name", line: line)
            }
            testName = String(scalars: text)
            rest.positional.removeFirst()
        }
        var kept: [Value] = []
        for item in try elements(value, line) {
            try step(line)
            let tested = if let path { try attribute(path: path, of: item, nil, line) } else { item }
            let isTrue = if let testName { try test(testName, tested, rest, line) } else { tested.isTrue }
            if isTrue == wanted { kept.append(item) }
        }
        return kept
    }

    // MARK: Order

    private func sortKey(
        _ value: Value, _ path: Value?, _ caseSensitive: Bool, _ line: Int
    ) throws(TaperError) -> Value {
        func folded(_ value: Value) -> Value {
            if case .string(let text) = value, !caseSensitive { return .string(text.lowercased()) }
            return value
        }
        guard let path, !path.isNone else { return folded(value) }
        return folded(try attribute(path: path, of: value, nil, line))
    }

    private func sorted(
        _ values: [Value], by path: Value?, caseSensitive: Bool, descending: Bool, _ line: Int
    ) throws(TaperError) -> [Value] {
        if case .string(let text)? = path, text.contains(",") {
            throw unsupported("sort by several attributes", line: line)
        }
        var keyed: [(key: Value, value: Value)] = []
        for value in values { keyed.append((try sortKey(value, path, caseSensitive, line), value)) }
        return try merged(keyed, descending: descending, line).map(\.value)
    }

    /// A stable merge sort: comparing may fail, and every comparison is a step.
    private func merged(
        _ values: [(key: Value, value: Value)], descending: Bool, _ line: Int
    ) throws(TaperError) -> [(key: Value, value: Value)] {
        guard values.count > 1 else { return values }
        let half = values.count / 2
        let left = try merged(Array(values[..<half]), descending: descending, line)
        let right = try merged(Array(values[half...]), descending: descending, line)
        var result: [(key: Value, value: Value)] = []
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            try step(line)
            let isRightFirst = try compare(descending ? ">" : "<", right[j].key, left[i].key, line)
            result.append(isRightFirst ? right[j] : left[i])
            if isRightFirst { j += 1 } else { i += 1 }
        }
        return result + left[i...] + right[j...]
    }

    private func extreme(
        _ values: [Value], largest: Bool, by path: Value?, caseSensitive: Bool, _ line: Int
    ) throws(TaperError) -> Value {
        guard var best = values.first else { return .undefined("the extreme of nothing") }
        var bestKey = try sortKey(best, path, caseSensitive, line)
        for value in values.dropFirst() {
            try step(line)
            let key = try sortKey(value, path, caseSensitive, line)
            if try compare(largest ? ">" : "<", key, bestKey, line) { (best, bestKey) = (value, key) }
        }
        return best
    }

    private func dictionarySorted(_ value: Value, _ options: [Value?], _ line: Int) throws(TaperError) -> Value {
        guard case .dictionary(let mapping) = value else {
            throw fault(.badData, "dictsort needs a dictionary, not " + value.typeName, line: line)
        }
        let by = options[1] ?? Value("key")
        guard by.equals(Value("key")) || by.equals(Value("value")) else {
            throw fault(.badData, "dictsort sorts by 'key' or 'value'", line: line)
        }
        let pairs = mapping.entries.map { Value.tuple([$0.key, $0.value]) }
        return .list(
            try sorted(
                pairs, by: .integer(by.equals(Value("key")) ? 0 : 1), caseSensitive: options[0]?.isTrue ?? false,
                descending: options[2]?.isTrue ?? false, line))
    }
}
