import Storage

/// One number that changes when a file of the checkpoint does.
enum Fingerprint {
    /// - Parameters:
    ///   - files: weight files: size, modification time and header count; their data is too large to read.
    ///   - others: paths of small files: size, modification time and, up to 2 MB, contents; absent ones count as such.
    static func of(_ files: [SourceFile], others: [String]) -> UInt64 {
        var writer = ByteWriter()
        for file in files {
            writer.string(file.name)
            writer.u64(UInt64(file.bytes.count))
            writer.integer(file.map.modifiedNanoseconds)
            writer.u64(file.headerChecksum)
        }
        for path in others {
            guard let status = FileStatus(path: path), status.kind == .file else {
                writer.u8(0)
                continue
            }
            writer.string(Files.name(of: path))
            writer.u64(UInt64(status.byteCount))
            writer.integer(status.modifiedNanoseconds)
            // Unreadable here means unreadable to the parsers too, which report it.
            if let contents = try? Files.read(path, limit: 2_000_000) { writer.u64(checksum(contents)) }
        }
        return checksum(writer.bytes)
    }
}
