// Methods of Python's `str`.
extension [Unicode.Scalar] {
    /// - Parameter characters: nil for white space.
    func stripped(_ characters: Scalars?, left: Bool = true, right: Bool = true) -> Scalars {
        let set = characters.map(Set.init)
        func isDropped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
        var start = 0
        var end = count
        while left, start < end, isDropped(self[start]) { start += 1 }
        while right, end > start, isDropped(self[end - 1]) { end -= 1 }
        return Array(self[start..<end])
    }

    /// - Parameter separator: nil for runs of white space, which then do not stand at the ends either.
    func split(_ separator: Scalars?, limit: Int, fromEnd: Bool) -> [Scalars] {
        var parts: [Scalars] = []
        guard let separator else {
            var rest = stripped(nil, left: !fromEnd, right: fromEnd)[...]
            while !rest.isEmpty {
                guard parts.count < limit,
                    let at = fromEnd ? rest.lastIndex(where: \.isPythonSpace) : rest.firstIndex(where: \.isPythonSpace)
                else {
                    parts.append(Array(rest))
                    break
                }
                if fromEnd {
                    parts.append(Array(rest[(at + 1)...]))
                    rest = rest[..<at]
                    while rest.last?.isPythonSpace ?? false { rest.removeLast() }
                } else {
                    parts.append(Array(rest[..<at]))
                    rest = rest[(at + 1)...].drop(while: \.isPythonSpace)
                }
            }
            return fromEnd ? parts.reversed() : parts
        }
        if fromEnd {
            var end = count
            while parts.count < limit, let at = lastRange(of: separator, before: end) {
                parts.append(Array(self[(at + separator.count)..<end]))
                end = at
            }
            parts.append(Array(self[..<end]))
            return parts.reversed()
        }
        var start = 0
        while parts.count < limit, let at = firstRange(of: separator, from: start) {
            parts.append(Array(self[start..<at]))
            start = at + separator.count
        }
        parts.append(Array(self[start...]))
        return parts
    }

    func lines(keepingEnds: Bool = false) -> [Scalars] {
        var lines: [Scalars] = []
        var start = 0
        var at = 0
        while at < count {
            switch self[at].value {
            case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: break
            default:
                at += 1
                continue
            }
            let end = at
            at += self[at] == "\r" && at + 1 < count && self[at + 1] == "\n" ? 2 : 1
            lines.append(Array(self[start..<(keepingEnds ? at : end)]))
            start = at
        }
        if start < count { lines.append(Array(self[start...])) }
        return lines
    }

    func uppercased() -> Scalars { flatMap { Array($0.properties.uppercaseMapping.unicodeScalars) } }

    func lowercased() -> Scalars {
        var out: Scalars = []
        for (index, scalar) in enumerated() {
            if scalar == "\u{3a3}" {
                out.append(isFinalSigma(index) ? "\u{3c2}" : "\u{3c3}")
            } else {
                out += Array(scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return out
    }

    /// A capital sigma after a letter and before none ends a word.
    private func isFinalSigma(_ index: Int) -> Bool {
        let before = self[..<index].last { !$0.properties.isCaseIgnorable }
        let after = self[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased ?? false && !(after?.properties.isCased ?? false)
    }

    func capitalized() -> Scalars {
        guard let first else { return [] }
        return Array(first.properties.titlecaseMapping.unicodeScalars)
            + lowercased().dropFirst(
                Scalars([first]).lowercased().count)
    }

    /// Every run of letters with a capital at its start.
    func titled() -> Scalars {
        let lower = lowercased()
        // Case maps of one character to several would shift the places: then each is mapped alone.
        let aligned = lower.count == count
        var out: Scalars = []
        var isInside = false
        for (index, scalar) in enumerated() {
            if isInside {
                out += aligned ? [lower[index]] : Array(scalar.properties.lowercaseMapping.unicodeScalars)
            } else {
                out += Array(scalar.properties.titlecaseMapping.unicodeScalars)
            }
            isInside = scalar.properties.isCased
        }
        return out
    }

    /// Python's `isdigit` and its like: true of every character, and of at least one.
    func satisfies(_ name: String) -> Bool {
        func isLetter(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
        }
        guard !isEmpty else { return false }
        switch name {
        case "isdigit": return allSatisfy(isDigit)
        case "isalpha": return allSatisfy(isLetter)
        case "isspace": return allSatisfy(\.isPythonSpace)
        case "isalnum": return allSatisfy { isLetter($0) || $0.properties.numericType != nil }
        default:
            let isUpper = name == "isupper"
            var hasCased = false
            for scalar in self {
                let properties = scalar.properties
                let isTitle = properties.generalCategory == .titlecaseLetter
                if isTitle || (isUpper ? properties.isLowercase : properties.isUppercase) { return false }
                if isUpper ? properties.isUppercase : properties.isLowercase { hasCased = true }
            }
            return hasCased
        }
    }
}
