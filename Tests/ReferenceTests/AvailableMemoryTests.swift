import Reference
import Storage
import Testing

@Suite struct AvailableMemoryTests {
    private func available(machine: Int = 1000, addressSpace: Int? = nil, _ files: [String: String] = [:])
        -> AvailableMemory
    {
        AvailableMemory(machine: machine, addressSpace: addressSpace) { files[$0] }
    }

    @Test func withoutLimitsItIsTheMachines() {
        #expect(available().byteCount == 1000 && available().reason == "the machine")
        #expect(available(machine: 0).byteCount == 0)
        #expect(AvailableMemory.now.byteCount > 1 << 20)
        #expect(AvailableMemory.now.byteCount <= machineMemoryBytes())
    }

    @Test func aProcessMayBeToldToUseLess() {
        #expect(available().limited(to: 300).byteCount == 300)
        #expect(available().limited(to: 300).reason.contains(field("memory")))
        #expect(available().limited(to: 3000) == available() && available().limited(to: nil) == available())
        #expect(available(machine: 0).limited(to: 300).byteCount == 300)
    }

    @Test func groupsOfVersionTwoCountWithAllAboveThem() {
        let group = ["/proc/self/cgroup": "0::/a/b\n"]
        func limits(_ own: String, _ parent: String, _ root: String?) -> Int {
            var files = group
            files["/sys/fs/cgroup/a/b/memory.max"] = own
            files["/sys/fs/cgroup/a/memory.max"] = parent
            files["/sys/fs/cgroup/memory.max"] = root
            return available(files).byteCount
        }
        #expect(limits("500\n", "max\n", nil) == 500)
        #expect(limits("max\n", "400\n", nil) == 400)
        #expect(limits("500\n", "400\n", "300\n") == 300)
        #expect(limits("max\n", "max\n", nil) == 1000)
        #expect(limits("5000\n", "max\n", nil) == 1000)
        // A container that sees only its own part of the tree.
        #expect(
            available(["/proc/self/cgroup": "0::/../../x\n", "/sys/fs/cgroup/memory.max": "200\n"]).byteCount == 200)
        #expect(available(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "200\n"]).byteCount == 200)
    }

    @Test func groupsOfVersionOneCount() {
        let own = available([
            "/proc/self/cgroup": "12:cpu,cpuacct:/x\n7:memory:/docker/abc\n0::/x\n",
            "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "600\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        ])
        #expect(own.byteCount == 600 && own.reason.contains("control group"))
        #expect(
            available([
                "/proc/self/cgroup": "7:cpu,memory:/docker/abc\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "700\n",
            ]).byteCount == 700)
    }

    @Test func addressSpaceIsTheLeastWhereItIs() {
        let limited = available(
            addressSpace: 50, ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "200\n"])
        #expect(limited.byteCount == 50 && limited.reason.contains("address space"))
        #expect(available(machine: 0, addressSpace: 50).byteCount == 50)
    }

    @Test func filesThatMakeNoSenseAreNoLimits() {
        #expect(
            available(["/proc/self/cgroup": "nonsense\n:::\n0::\n7:memory\n", "/sys/fs/cgroup/memory.max": "-\n"])
                .byteCount == 1000)
    }
}
