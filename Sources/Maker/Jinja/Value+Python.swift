internal import Storage

// Truth, equality and text as Python has them.
extension Value {
    var isNone: Bool { if case .none = self { true } else { false } }
    var isUndefined: Bool { if case .undefined = self { true } else { false } }
    var isString: Bool { if case .string = self { true } else { false } }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let values), .tuple(let values), .view(_, let values): !values.isEmpty
        case .dictionary(let mapping): !mapping.entries.isEmpty
        case .range(let range): range.count > 0
        default: true
        }
    }

    /// An integer where Python takes one: booleans count as 0 and 1.
    var wholeNumber: Int? {
        switch self {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: nil
        }
    }

    var number: Double? {
        if case .float(let value) = self { return value }
        return wholeNumber.map(Double.init)
    }

    var isHashable: Bool {
        switch self {
        case .list, .dictionary: false
        case .tuple(let values): values.allSatisfy(\.isHashable)
        default: true
        }
    }

    func equals(_ other: Value) -> Bool {
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)): return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
        case (.dictionary(let left), .dictionary(let right)):
            return left.entries.count == right.entries.count
                && left.entries.allSatisfy { entry in right[entry.key].map { $0.equals(entry.value) } ?? false }
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && zip(left.values, right.values).allSatisfy { $0.equals($1) }
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.function(let left), .function(let right)): return left == right
        default:
            if let left = wholeNumber, let right = other.wholeNumber { return left == right }
            if let left = number, let right = other.number { return left == right }
            return false
        }
    }

    /// Python's `str`.
    func printed(_ line: Int) throws(TaperError) -> Scalars {
        switch self {
        case .undefined: return []
        case .string(let text): return text
        default: return try represented(line)
        }
    }

    /// Python's `repr`.
    private func represented(_ line: Int) throws(TaperError) -> Scalars {
        func joined(_ values: [Value], _ open: String, _ close: String) throws(TaperError) -> Scalars {
            var out = Array(open.unicodeScalars)
            for (index, value) in values.enumerated() {
                if index > 0 { out += [",", " "] }
                out += try value.represented(line)
            }
            return out + Array(close.unicodeScalars)
        }
        switch self {
        case .undefined: return Array("Undefined".unicodeScalars)
        case .none: return Array("None".unicodeScalars)
        case .boolean(let value): return Array((value ? "True" : "False").unicodeScalars)
        case .integer(let value): return Array(String(value).unicodeScalars)
        case .float(let value): return Array(pythonText(value).unicodeScalars)
        case .string(let text): return quoted(text)
        case .list(let values): return try joined(values, "[", "]")
        case .tuple(let values): return try joined(values, "(", values.count == 1 ? ",)" : ")")
        case .view(let name, let values): return try joined(values, name + "([", "])")
        case .dictionary(let mapping):
            var out: Scalars = ["{"]
            for (index, entry) in mapping.entries.enumerated() {
                if index > 0 { out += [",", " "] }
                out += try entry.key.represented(line)
                out += [":", " "]
                out += try entry.value.represented(line)
            }
            return out + ["}"]
        case .range(let range):
            var text = "range(" + String(range.start) + ", " + String(range.stop)
            if range.step != 1 { text += ", " + String(range.step) }
            return Array((text + ")").unicodeScalars)
        default: throw unsupported("printing a " + typeName, line: line)
        }
    }
}

/// Python's `repr` of a float: the shortest digits that give the number back.
func pythonText(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    // Swift finds the same digits but writes them out in another range of exponents.
    let text = value.magnitude.description
    let parts = text.split(separator: "e")
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    var digits = ""
    var hasPoint = false
    for character in parts[0].unicodeScalars {
        if character == "." {
            hasPoint = true
        } else {
            digits.unicodeScalars.append(character)
            if !hasPoint { exponent += 1 }
        }
    }
    // The value is 0.digits times ten to the exponent.
    while digits.utf8.count > 1, digits.utf8.first == 0x30 {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.utf8.count > 1, digits.utf8.last == 0x30 { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    if digits == "0" { return sign + "0.0" }
    if exponent > 16 || exponent < -3 {
        let power = exponent - 1
        let head = String(digits.prefix(1)) + (digits.utf8.count > 1 ? "." + digits.dropFirst() : "")
        let size = String(abs(power))
        return sign + head + "e" + (power < 0 ? "-" : "+") + (size.utf8.count < 2 ? "0" + size : size)
    }
    if exponent <= 0 { return sign + "0." + String(repeating: "0", count: -exponent) + digits }
    if digits.utf8.count <= exponent {
        return sign + digits + String(repeating: "0", count: exponent - digits.utf8.count) + ".0"
    }
    return sign + digits.prefix(exponent) + "." + digits.dropFirst(exponent)
}

/// Python's `repr` of a string.
private func quoted(_ text: Scalars) -> Scalars {
    let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var out: Scalars = [quote]
    func hex(_ value: UInt32, _ width: Int) -> Scalars {
        let digits = String(value, radix: 16)
        return Array((String(repeating: "0", count: width - digits.utf8.count) + digits).unicodeScalars)
    }
    for scalar in text {
        switch scalar {
        case quote, "\\": out += ["\\", scalar]
        case "\n": out += ["\\", "n"]
        case "\r": out += ["\\", "r"]
        case "\t": out += ["\\", "t"]
        case _ where scalar.isPythonPrintable: out.append(scalar)
        default:
            if scalar.value < 0x100 {
                out += ["\\", "x"] + hex(scalar.value, 2)
            } else if scalar.value < 0x10000 {
                out += ["\\", "u"] + hex(scalar.value, 4)
            } else {
                out += ["\\", "U"] + hex(scalar.value, 8)
            }
        }
    }
    return out + [quote]
}

extension Unicode.Scalar {
    fileprivate var isPythonPrintable: Bool {
        if self == " " { return true }
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}
