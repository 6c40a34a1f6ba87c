import Foundation
import Storage

/// How much memory this process can have: the least of what the machine has and what limits leave.
public struct AvailableMemory: Equatable, Sendable {
    /// 0 when unknown.
    public let byteCount: Int
    /// What sets it, for people: "the machine", "the limit of its control group", "the limit of address space", or the
    /// setting `memory`.
    public let reason: String
    /// Whether it is less than there is, because somebody wanted that.
    public let isAskedFor: Bool

    public static var now: AvailableMemory {
        AvailableMemory(
            machine: machineMemoryBytes(), addressSpace: addressSpaceLimit(),
            read: { path in try? String(contentsOfFile: path, encoding: .utf8) })
    }

    /// - Parameters:
    ///   - machine: bytes; 0 when unknown.
    ///   - addressSpace: bytes that can still be mapped, where that is limited.
    ///   - read: a file's text, or nil.
    public init(machine: Int, addressSpace: Int?, read: (String) -> String?) {
        var best = (byteCount: machine, reason: "the machine")
        func limit(_ byteCount: Int?, _ reason: String) {
            guard let byteCount, byteCount > 0, best.byteCount == 0 || byteCount < best.byteCount else { return }
            best = (byteCount, reason)
        }
        for byteCount in Self.groupLimits(read) { limit(byteCount, "the limit of its control group") }
        limit(addressSpace, "the limit of address space (ulimit -v)")
        byteCount = best.byteCount
        reason = best.reason
        isAskedFor = false
    }

    /// The same for a process that may use less.
    public func limited(to limit: Int?) -> AvailableMemory {
        guard let limit, byteCount == 0 || limit < byteCount else { return self }
        return AvailableMemory(byteCount: limit, reason: "the limit of \(field("memory"))", isAskedFor: true)
    }

    private init(byteCount: Int, reason: String, isAskedFor: Bool) {
        (self.byteCount, self.reason, self.isAskedFor) = (byteCount, reason, isAskedFor)
    }

    /// Limits of the process's control groups and of all groups above them (cgroups(7)), of version 1 and 2.
    private static func groupLimits(_ read: (String) -> String?) -> [Int] {
        var limits: [Int] = []
        for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
            // "0::/user.slice/..." of version 2, "7:memory:/docker/..." of version 1.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isUnified = parts[0] == "0" && parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
            let roots = isUnified ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : ["/sys/fs/cgroup/memory"]
            let name = isUnified ? "memory.max" : "memory.limit_in_bytes"
            for root in roots {
                var folder = String(parts[2])
                // In a container the path may be the host's, which is not there; the root of the mount then is its own.
                while true {
                    let path = root + (folder == "/" ? "" : folder) + "/" + name
                    if let text = read(path), let value = Int(text.split(whereSeparator: \.isWhitespace).first ?? "") {
                        limits.append(value)
                    }
                    guard folder.count > 1, let slash = folder.lastIndex(of: "/") else { break }
                    folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
                }
            }
        }
        return limits
    }

    /// What the limit of address space leaves beside what is mapped already.
    private static func addressSpaceLimit() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt64(Int.max) else {
            return nil
        }
        let pages =
            (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))
            .flatMap { $0.split(separator: " ").first }.flatMap { Int($0) } ?? 0
        return max(1, Int(limit.rlim_cur) - pages * 4096)
    }
}
