import Scoring
import Storage
import Testing

@Suite struct CodeProblemTests {
    let problem: CodeProblem

    init() throws {
        problem = try CodeProblem(
            prompt: "import math\n\n\ndef helper(x):\n    return x\n\n\ndef area(r):\n    \"\"\"Of a circle.\"\"\"\n",
            tests: "\ndef check(candidate):\n    assert candidate(0) == 0\n", entryPoint: "area", place: "test")
    }

    /// The program without tests and the call of them.
    private func code(_ answer: String) throws -> String {
        let program = problem.program(answer: answer)
        let end = "\n" + problem.tests + "\ncheck(area)\n"
        #expect(program.hasSuffix(end))
        return String(program.dropLast(end.count))
    }

    private var preamble: String { "import math\n\n\ndef helper(x):\n    return x\n\n\n" }

    @Test func aFencedFunctionStandsBehindThePromptsImportsAndHelpers() throws {
        let function = "def area(r):\n    return math.pi * r * r"
        for answer in [
            "Sure!\n```python\n\(function)\n```\nIt multiplies.", "```\n\(function)\n```",
            "```py\r\n\(function)\r\n```",
            "  ```Python\n\(function)\n  ```",
            // Cut by the limit of new tokens.
            "```python\n\(function)",
            // The first block that has it.
            "```bash\npip install x\n```\n```python\nx = 1\n```\n```python\n\(function)\n```\n```python\narea(2)\n```",
        ] {
            #expect(try code(answer) == preamble + function, "\(answer)")
        }
    }

    @Test func aFunctionWithoutFenceBeginsWhereCodeBegins() throws {
        let answer = "Here it is:\n\nimport cmath\ndef area (r):\n    return cmath.pi * r * r\n```"
        #expect(try code(answer) == preamble + "import cmath\ndef area (r):\n    return cmath.pi * r * r")
        #expect(try code("def f(r):\n    return r\narea = f") == preamble + "def f(r):\n    return r\narea = f")
    }

    /// What follows a block that was opened in the request.
    @Test func aFenceAloneClosesWhatStandsBeforeIt() throws {
        #expect(try code("    return 1\n```\nThat is all.") == problem.prompt + "    return 1")
        #expect(try code("def area(r):\n    return 1\n```\nThat is all.") == preamble + "def area(r):\n    return 1")
    }

    @Test func whatDoesNotDefineTheFunctionIsHowThePromptGoesOn() throws {
        #expect(try code("    return 3 * r * r\n") == problem.prompt + "    return 3 * r * r\n")
        // A body in a fence, and a call of the function, which is no definition.
        #expect(try code("```python\n    return area == r\n```") == problem.prompt + "    return area == r")
        #expect(try code("    return 1\narea == 3\n") == problem.prompt + "    return 1\narea == 3\n")
    }

    @Test(arguments: ["class A:", "def other():", "# done", "if __name__ == '__main__':", "print(area(1))", "```"])
    func completionsEndWhereThePaperStops(line: String) throws {
        #expect(try code("    return 1\n\(line)\n    x") == problem.prompt + "    return 1")
    }

    @Test func theAnswerNeverDecidesWhatIsTested() throws {
        let program = problem.program(answer: "```python\ndef area(r):\n    return 0\n```")
        #expect(program.ranges(of: "check(area)").count == 1 && program.hasSuffix("\ncheck(area)\n"))
    }

    @Test(arguments: ["", "3d", "a b", "f()", "os.system", "é"])
    func entryPointsAreNames(name: String) {
        let error = #expect(throws: TaperError.self) {
            try CodeProblem(prompt: "", tests: "", entryPoint: name, place: "file:3")
        }
        #expect(error?.code == .badData && error?.message.contains("file:3") == true)
    }
}
