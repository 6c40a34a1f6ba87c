import Foundation
import Storage

/// A reader of what comes from outside, fed with bytes: it must throw or succeed, whatever they are.
public struct FuzzTarget: Sendable {
    public let name: String
    /// Files of the repository whose bytes the fuzzer begins with: paths that end with `*` or name one file.
    public let seeds: [String]
    /// Longest input worth trying.
    public let maximumByteCount: Int
    private let body: @Sendable (_ bytes: [UInt8], _ folder: Scratch) throws -> Void

    init(
        _ name: String, seeds: [String], maximumByteCount: Int = 1 << 14,
        _ body: @escaping @Sendable (_ bytes: [UInt8], _ folder: Scratch) throws -> Void
    ) {
        (self.name, self.seeds, self.maximumByteCount, self.body) = (name, seeds, maximumByteCount, body)
    }

    /// - Returns: whether the reader took the bytes for what it reads.
    @discardableResult
    public func feed(_ bytes: [UInt8], in folder: Scratch) -> Bool {
        do {
            try body(bytes, folder)
            return true
        } catch let error as TaperError {
            // A message that cannot be made is a finding, too.
            precondition(!error.message.isEmpty, "an error says nothing")
            return false
        } catch {
            return false
        }
    }

    public static let all: [FuzzTarget] = bundles + checkpoints + texts + documents + requests

    public static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }

    /// Of the repository.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
}

/// A folder of its own for one target at a time; readers want paths.
public final class Scratch: @unchecked Sendable {
    public let path: String

    public init() {
        // Memory, where the system has such a folder: a fuzzer writes thousands of files a second.
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = parent + "/taper-fuzz-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file with these bytes.
    func file(_ name: String, _ bytes: [UInt8]) -> String {
        let path = path + "/" + name
        // Anew, for what was read before may still be mapped.
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(descriptor >= 0, "cannot write \(path)")
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        precondition(written == bytes.count, "cannot write \(path)")
        return path
    }

    /// The same with the bytes of a file of the repository, unless it is there already.
    func copy(_ source: String, as name: String) {
        let target = path + "/" + name
        if FileManager.default.fileExists(atPath: target) { return }
        guard (try? FileManager.default.copyItem(atPath: FuzzTarget.root + "/" + source, toPath: target)) != nil else {
            preconditionFailure("cannot copy \(source)")
        }
    }
}

extension FuzzTarget {
    /// Files that `seeds` name, in order.
    public func seedPaths() throws -> [String] {
        var found: [String] = []
        for pattern in seeds {
            var folders = [FuzzTarget.root]
            for part in pattern.split(separator: "/").map(String.init) {
                guard let star = part.firstIndex(of: "*") else {
                    folders = folders.map { $0 + "/" + part }
                    continue
                }
                let (head, tail) = (part[..<star], part[part.index(after: star)...])
                folders = folders.flatMap { folder in
                    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                        .filter { $0.hasPrefix(head) && $0.hasSuffix(tail) && !$0.hasPrefix(".") }.sorted()
                        .map { folder + "/" + $0 }
                }
            }
            var isFolder: ObjCBool = false
            found += folders.filter {
                FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && !isFolder.boolValue
            }
        }
        return found
    }
}
