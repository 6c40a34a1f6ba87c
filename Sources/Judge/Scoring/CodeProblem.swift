public import Storage

/// A function to write, and the tests that tell whether it was: a problem of HumanEval (Chen et al. 2021, arXiv 2107.03374).
public struct CodeProblem: Sendable, Equatable {
    /// How the function begins: imports, helpers, signature and documentation, in Python.
    public let prompt: String
    /// Python that defines `check(candidate)`, which raises where the function is wrong.
    public let tests: String
    /// The function's name.
    public let entryPoint: String
    /// What answers in files refer to, such as "HumanEval/0".
    public let identifier: String?

    /// - Throws: `badData` when the name is none.
    public init(
        prompt: String, tests: String, entryPoint: String, identifier: String? = nil, place: String
    ) throws(TaperError) {
        let name = Array(entryPoint.utf8)
        guard let first = name.first, !CodeProblem.isDigit(first), name.allSatisfy(CodeProblem.isPartOfName) else {
            throw TaperError(
                .badData, "the entry point is no name of a function", at: place, expected: "letters, digits and _",
                found: printable(entryPoint))
        }
        self.prompt = prompt
        self.tests = tests
        self.entryPoint = entryPoint
        self.identifier = identifier
    }

    /// The program that ends without an exception where the answer is right: the function, its tests, and the call of them.
    ///
    /// An answer that defines the function stands behind the prompt's imports and helpers; one that does not is taken for how
    /// the prompt goes on.
    public func program(answer: String) -> String {
        let code = CodeAnswer(answer, function: entryPoint)
        let beginning = code.isWhole ? preamble : prompt
        return beginning + code.text + "\n" + tests + "\ncheck(" + entryPoint + ")\n"
    }

    /// What stands before the function's own definition in the prompt.
    var preamble: String {
        var kept = ""
        for line in CodeAnswer.lines(prompt) {
            if CodeAnswer.defines(entryPoint, line) { break }
            kept += line + "\n"
        }
        return kept
    }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isPartOfName(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == 0x5f || (0x41...0x5a).contains(byte & 0xdf)
    }
}
