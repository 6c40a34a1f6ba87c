import Storage

/// A 128-bit name for the output of a stage, made from everything the output depends on.
///
/// Equal keys mean equal outputs, so a stored output under its key can be used again, and a killed run resumes by
/// finding what is already there.
struct ContentKey {
    private var writer = ByteWriter()

    /// `version` changes whenever the stage's code changes its output.
    init(stage: String, version: Int) {
        add(stage)
        add(version)
    }

    mutating func add(_ text: String) {
        writer.u64(UInt64(text.utf8.count))
        writer.string(text)
    }
    mutating func add(_ value: Int) { writer.u64(UInt64(bitPattern: Int64(value))) }
    mutating func add(_ value: UInt64) { writer.u64(value) }
    mutating func add(_ value: Double) { writer.u64(value.bitPattern) }
    mutating func add(_ values: [Int]) {
        add(values.count)
        for value in values { add(value) }
    }
    /// The content of a file, not its name or date.
    mutating func add(contentsOf bytes: [UInt8]) {
        add(bytes.count)
        add(checksum(bytes, seed: 0))
        add(checksum(bytes, seed: 1))
    }

    /// 32 hexadecimal digits.
    var text: String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return hex(checksum(writer.bytes, seed: 0)) + hex(checksum(writer.bytes, seed: 1))
    }
}
