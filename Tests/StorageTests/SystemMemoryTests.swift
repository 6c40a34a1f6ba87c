import Foundation
import Storage
import Testing

/// What machines that are made up say of memory.
@Suite struct SystemMemoryTests {
    private func found(_ files: [String: String]) throws -> SystemMemory {
        let folder = FileManager.default.temporaryDirectory.appending(path: "taper-memory-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (path, text) in files {
            let url = URL(filePath: folder + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        return SystemMemory(root: folder)
    }

    private static let machine = ["/proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\nSwapFree: 5 kB\n"]

    @Test func anEmptyMachineSaysNothing() throws {
        let memory = try found([:])
        #expect(memory.availableBytes == nil && memory.warnings.isEmpty)
        #expect(memory.someStalled == 0 && memory.allStalled == 0)
    }

    /// Swap does not count.
    @Test func theMachineIsReadWithoutGroups() throws {
        #expect(try found(Self.machine).availableBytes == 8_192_000)
    }

    @Test func theLeastLimitOfTheGroupsAboveHolds() throws {
        let group = "/sys/fs/cgroup/a/b/c"
        var files = Self.machine.merging([
            "/proc/self/cgroup": "0::/a/b/c\n", group + "/memory.max": "max\n",
            "/sys/fs/cgroup/a/b/memory.max": "5000000\n", "/sys/fs/cgroup/a/b/memory.current": "3000000\n",
            // Pages of files can be dropped.
            "/sys/fs/cgroup/a/b/memory.stat": "anon 1\ninactive_file 600000\nactive_file 400000\n",
            "/sys/fs/cgroup/a/memory.max": "4000000\n", "/sys/fs/cgroup/a/memory.current": "500000\n",
        ]) { $1 }
        #expect(try found(files).availableBytes == 3_000_000)
        files["/sys/fs/cgroup/a/memory.current"] = "3500000\n"
        #expect(try found(files).availableBytes == 500_000)
        // What is held back before it is ended.
        files["/sys/fs/cgroup/a/b/memory.high"] = "2300000\n"
        #expect(try found(files).availableBytes == 300_000)
        files["/sys/fs/cgroup/a/memory.current"] = "9000000\n"
        #expect(try found(files).availableBytes == 0)
    }

    /// Inside a container the path may be the outside's, and the group stands at the top.
    @Test func aGroupThatIsNotThereIsLookedForAbove() throws {
        let files = [
            "/proc/self/cgroup": "0::/docker/0123\n", "/sys/fs/cgroup/memory.max": "1000\n",
            "/sys/fs/cgroup/memory.current": "400\n",
        ]
        #expect(try found(files).availableBytes == 600)
    }

    @Test func theFirstVersionIsRead() throws {
        let folder = "/sys/fs/cgroup/memory/job/one"
        let files = Self.machine.merging([
            "/proc/self/cgroup": "9:cpu:/\n4:memory:/job/one\n0::/\n",
            folder + "/memory.limit_in_bytes": "9223372036854771712\n",
            folder + "/memory.usage_in_bytes": "7\n",
            "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "6000000\n",
            "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "2000000\n",
            "/sys/fs/cgroup/memory/job/memory.stat": "total_inactive_file 500000\ntotal_active_file 0\n",
        ]) { $1 }
        #expect(try found(files).availableBytes == 4_500_000)
    }

    @Test func pressureIsTheGroupsOrTheMachines() throws {
        var files = [
            "/proc/self/cgroup": "0::/a\n",
            "/proc/pressure/memory":
                "some avg10=12.50 avg60=0 avg300=0 total=1\nfull avg10=3.25 avg60=0 avg300=0 total=1\n",
        ]
        #expect(try found(files).someStalled == 12.5)
        #expect(try found(files).allStalled == 3.25)
        files["/sys/fs/cgroup/a/memory.pressure"] = "some avg10=1.00 total=1\nfull avg10=0.50 total=1\n"
        #expect(try found(files).someStalled == 1)
        #expect(try found(files).allStalled == 0.5)
    }

    /// Nothing stops the program, and what is not understood is said.
    @Test(arguments: [
        "", "\n", "garbage", "-5", "99999999999999999999999", "MemAvailable:", "MemAvailable: many kB",
        "some avg10=", "some avg10=nan full avg10=-3", "some avg10=1e99\nfull avg10=x", "0::", "::::", "0::/\n\n::/",
        "4:memory:", String(repeating: "/a", count: 6000), "max max", "0::/" + String(repeating: "b", count: 9000),
    ])
    func malformedFilesArePassedOver(text: String) throws {
        let files = [
            "/proc/meminfo": text, "/proc/self/cgroup": text.hasPrefix("0:") ? text : "0::/a\n4:memory:/a\n",
            "/proc/pressure/memory": text, "/sys/fs/cgroup/a/memory.max": text, "/sys/fs/cgroup/a/memory.high": text,
            "/sys/fs/cgroup/a/memory.current": text, "/sys/fs/cgroup/a/memory.stat": text,
            "/sys/fs/cgroup/a/memory.pressure": text, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": text,
        ]
        let memory = try found(files)
        #expect(memory.availableBytes ?? 0 >= 0)
        #expect((0...100).contains(memory.someStalled) && (0...100).contains(memory.allStalled))
        if text == "garbage" { #expect(memory.availableBytes == nil && memory.warnings.count == 3) }
    }

    @Test func thisMachineIsUnderstood() {
        let memory = SystemMemory()
        #expect(memory.warnings.isEmpty)
        #expect(memory.availableBytes ?? 0 > 1 << 20)
    }
}
