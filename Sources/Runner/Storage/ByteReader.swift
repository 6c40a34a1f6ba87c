/// A bounded little-endian cursor over bytes that somebody else keeps alive.
///
/// Every read is checked by comparing against the *remaining* count, so no sum can overflow.
public struct ByteReader {
    public let bytes: UnsafeRawBufferPointer
    public private(set) var offset: Int
    /// Named in errors: a file, or a section of one.
    public let place: String

    public init(_ bytes: UnsafeRawBufferPointer, place: String) {
        self.bytes = bytes
        self.offset = 0
        self.place = place
    }

    public var remaining: Int { bytes.count - offset }

    public func failure(_ what: String, expected: String = "", found: String = "", remedy: String = "") -> TaperError {
        TaperError(
            .badData, what, at: place + " at byte " + String(offset), expected: expected, found: found, remedy: remedy)
    }

    public mutating func take(_ byteCount: Int, _ what: String) throws(TaperError) -> UnsafeRawBufferPointer {
        guard byteCount >= 0, byteCount <= remaining else {
            throw failure(
                what + " runs past the end", expected: String(byteCount) + " bytes",
                found: String(remaining) + " bytes left", remedy: "The file is truncated or damaged")
        }
        let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + byteCount])
        offset += byteCount
        return slice
    }

    public mutating func integer<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws(TaperError) -> T {
        let raw = try take(MemoryLayout<T>.size, what)
        return T(littleEndian: raw.loadUnaligned(as: T.self))
    }
    public mutating func u8(_ what: String) throws(TaperError) -> UInt8 { try integer(UInt8.self, what) }
    public mutating func u16(_ what: String) throws(TaperError) -> UInt16 { try integer(UInt16.self, what) }
    public mutating func u32(_ what: String) throws(TaperError) -> UInt32 { try integer(UInt32.self, what) }
    public mutating func u64(_ what: String) throws(TaperError) -> UInt64 { try integer(UInt64.self, what) }
    public mutating func f32(_ what: String) throws(TaperError) -> Float { Float(bitPattern: try u32(what)) }

    /// A 64-bit count that must fit the limit given.
    public mutating func count(_ what: String, limit: Int) throws(TaperError) -> Int {
        let value = try u64(what)
        guard let count = Int(exactly: value), count <= limit else {
            throw failure(what + " is too large", expected: "at most " + String(limit), found: String(value))
        }
        return count
    }

    /// `byteCount` bytes as text; invalid UTF-8 is an error, never repaired.
    public mutating func string(_ byteCount: Int, _ what: String) throws(TaperError) -> String {
        let raw = try take(byteCount, what)
        guard let text = strictString(raw) else {
            throw failure(what + " is not UTF-8", remedy: "The file is damaged or of another kind")
        }
        return text
    }

    public mutating func seek(to newOffset: Int, _ what: String) throws(TaperError) {
        guard newOffset >= 0, newOffset <= bytes.count else {
            throw failure(
                what + " lies outside", expected: "at most " + String(bytes.count), found: String(newOffset))
        }
        offset = newOffset
    }
}

/// UTF-8 bytes as text, or nil when they are not valid UTF-8.
public func strictString(_ bytes: UnsafeRawBufferPointer) -> String? {
    String(validating: bytes, as: UTF8.self)
}

/// Appends little-endian values to a growing array of bytes.
public struct ByteWriter {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    public mutating func u8(_ value: UInt8) { bytes.append(value) }
    public mutating func u16(_ value: UInt16) { integer(value) }
    public mutating func u32(_ value: UInt32) { integer(value) }
    public mutating func u64(_ value: UInt64) { integer(value) }
    public mutating func f32(_ value: Float) { integer(value.bitPattern) }
    public mutating func raw(_ more: [UInt8]) { bytes.append(contentsOf: more) }
    public mutating func raw(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }
    public mutating func string(_ text: String) { bytes.append(contentsOf: text.utf8) }
    /// Zero bytes up to the next multiple of `alignment`.
    public mutating func pad(to alignment: Int) {
        let target = roundedUp(bytes.count, to: alignment)
        bytes.append(contentsOf: repeatElement(0, count: target - bytes.count))
    }
}
