/// How much memory a process is to hold at most: pages of its own, and of the files that it has mapped.
public enum MemoryLimit: Equatable, Sendable {
    case bytes(Int)
    /// What a file says, as `bytes` are written; read again while the process runs.
    case file(String)
    /// What the machine and its control groups leave.
    case automatic

    /// Reads "800M", "1.5GiB", "auto" or "file:PATH".
    /// - Throws: `usage` for anything else, and for no memory at all.
    public init(parsing text: String, of name: String = "memory_limit") throws(TaperError) {
        let prefix = Array("file:".utf8)
        let bytes = Array(text.utf8)
        if text == "auto" {
            self = .automatic
        } else if bytes.starts(with: prefix), bytes.count > prefix.count {
            self = .file(String(decoding: bytes[prefix.count...], as: UTF8.self))
        } else {
            let count = try byteCount(parsing: text, of: name)
            guard count > 0 else {
                throw TaperError(
                    .usage, "no memory at all", at: field(name), expected: "such as 800M, auto or file:PATH",
                    found: printable(text))
            }
            self = .bytes(count)
        }
    }
}

/// What is known at a moment of the memory that a process may hold.
public struct MemoryReading: Equatable, Sendable {
    /// Bytes; nil while nobody says.
    public var limit: Int?
    /// Held in pages of its own, and of files.
    public var ownBytes: Int
    public var fileBytes: Int
    /// Percent of the last ten seconds in which some task, or every task, waited for memory.
    public var someStalled: Double
    public var allStalled: Double

    public init(limit: Int?, ownBytes: Int = 0, fileBytes: Int = 0, someStalled: Double = 0, allStalled: Double = 0) {
        self.limit = limit
        self.ownBytes = ownBytes
        self.fileBytes = fileBytes
        self.someStalled = someStalled
        self.allStalled = allStalled
    }

    public var residentBytes: Int { ownBytes + fileBytes }
}

/// Reads a limit and what this process holds, as often as somebody asks: two small files of the kernel, a handful for `automatic`.
/// Nothing stays open; reading is what a confined process may still do.
public final class MemoryWatch {
    public let limit: MemoryLimit
    /// What is put before /sys and /proc where the machine's are not meant.
    private let root: String
    private var known: Int?
    private var warnings: [String] = []

    public init(_ limit: MemoryLimit, root: String = "") {
        self.limit = limit
        self.root = root
    }

    /// A limit that cannot be read any more stays what it was.
    public func read() -> MemoryReading {
        let held = ProcessMemory.now
        var reading = MemoryReading(limit: known, ownBytes: held.ownBytes, fileBytes: held.fileBytes)
        switch limit {
        case .bytes(let count): reading.limit = count
        case .file(let path):
            do throws(TaperError) { known = try MemoryWatch.size(inFile: path) } catch { warn(error.message) }
            reading.limit = known
        case .automatic:
            let system = SystemMemory(root: root)
            for warning in system.warnings { warn(warning) }
            (reading.someStalled, reading.allStalled) = (system.someStalled, system.allStalled)
            // Pages of mapped files count as what can be dropped. A thirty-second stays for what others take between two looks.
            reading.limit = system.availableBytes.map { available in
                let (sum, isLarge) = held.ownBytes.addingReportingOverflow(available - available / 32)
                return isLarge ? Int.max : sum
            }
        }
        return reading
    }

    /// - Throws: `noInput` or `usage` for a file that says no size.
    public static func size(inFile path: String) throws(TaperError) -> Int {
        var bytes = try Files.read(path, limit: 256)
        while let last = bytes.last, last == 0x0a || last == 0x0d || last == 0x20 { bytes.removeLast() }
        let text = String(decoding: bytes, as: UTF8.self)
        let count = try byteCount(parsing: text, of: "memory_limit")
        guard count > 0 else {
            throw TaperError(.usage, "no memory at all", at: path, expected: "such as 800M", found: printable(text))
        }
        return count
    }

    private func warn(_ text: String) {
        if !warnings.contains(text) && warnings.count < 8 { warnings.append(text) }
    }
    private var toldCount = 0
    /// What could not be read or understood, and was not told yet: everything once.
    public func newWarnings() -> [String] {
        defer { toldCount = warnings.count }
        return Array(warnings[toldCount...])
    }
}
