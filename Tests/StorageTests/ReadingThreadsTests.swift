import Foundation
import Storage
import Testing

/// Threads that read memory fastest, of machines that are made up: their processors are those that this process may use.
@Suite struct ReadingThreadsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "taper-cores-\(UUID().uuidString)").path

    private func write(_ path: String, _ text: String) throws {
        let url = URL(filePath: folder + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: true, encoding: .utf8)
    }

    private func counted(_ make: () throws -> Void) throws -> Int {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try make()
        return readingThreadCount(root: folder)
    }

    /// Such as "0-2,5".
    private func processors() throws -> [Int] {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") })
        return line.split(separator: "\t")[1].split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            return Array(ends[0]...(ends.last ?? ends[0]))
        }
    }

    @Test func whatIsNotKnownLeavesAllProcessors() throws {
        #expect(try counted {} == processorCount())
        #expect(readingThreadCount() >= 1 && readingThreadCount() <= processorCount())
    }

    @Test func aCoreCountsOnce() throws {
        let all = try processors()
        let count = try counted {
            for one in all {
                try write(
                    "/sys/devices/system/cpu/cpu\(one)/topology/thread_siblings_list",
                    "\(all[0])-\(all[all.count - 1])\n")
            }
        }
        #expect(count == 1)
        let apart = try counted {
            for one in all { try write("/sys/devices/system/cpu/cpu\(one)/topology/thread_siblings_list", "\(one)\n") }
        }
        #expect(apart == all.count)
    }

    @Test func smallCoresAreLeftOut() throws {
        let all = try processors()
        for (small, expected) in [(400, 1), (600, all.count)] {
            let count = try counted {
                for one in all {
                    try write(
                        "/sys/devices/system/cpu/cpu\(one)/cpu_capacity", one == all.last ? "1024\n" : "\(small)\n")
                }
            }
            #expect(count == expected, "\(small)")
        }
    }

    @Test(arguments: [
        ("100000 100000", "max 100000", 1), ("150000 100000", "max 100000", 2), ("max 100000", "50000 100000", 1),
        ("max 100000", "max 100000", 1000), ("", "", 1000),
    ])
    func controlGroupsLimit(own: String, above: String, most: Int) throws {
        let count = try counted {
            try write("/proc/self/cgroup", "3:cpu:/elsewhere\n0::/outer/inner\n")
            try write("/sys/fs/cgroup/outer/inner/cpu.max", own + "\n")
            try write("/sys/fs/cgroup/outer/cpu.max", above + "\n")
        }
        #expect(count == min(most, processorCount()))
    }
}
