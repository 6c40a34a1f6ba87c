import Storage

/// A metadata value of a GGUF file.
enum GGUFValue {
    case unsigned(UInt64)
    case signed(Int64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)

    /// Any integer type, when it fits.
    var integer: Int? {
        switch self {
        case .unsigned(let value): Int(exactly: value)
        case .signed(let value): Int(exactly: value)
        default: nil
        }
    }
    var double: Double? {
        switch self {
        // Through the shortest decimal, so that 1e-5 stored in 32 bits reads as 1e-5.
        case .float32(let value): parseDouble("\(value)") ?? Double(value)
        case .float64(let value): value
        default: nil
        }
    }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var array: GGUFArray? { if case .array(let value) = self { value } else { nil } }

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .unsigned, .signed: "an integer"
        case .float32, .float64: "a number"
        case .bool: "a boolean"
        case .string: "a string"
        case .array(let array): "an array of " + String(array.count)
        }
    }

    /// For people: long strings cut, arrays by their count.
    var json: JSONValue {
        switch self {
        case .unsigned(let value): Int(exactly: value).map { .integer($0) } ?? .number(Double(value))
        case .signed(let value): .integer(Int(value))
        case .float32, .float64: .number(double ?? 0)
        case .bool(let value): .bool(value)
        case .string(let value): .string(printable(value, limit: 200))
        case .array(let array): .string(String(array.count) + " x " + array.type.name)
        }
    }
}

/// Value types by their number in the file.
enum GGUFType: UInt32 {
    case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

    /// Bytes of one value; nil for those of varying size.
    var byteCount: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }
    var name: String {
        switch self {
        case .uint8: "uint8"
        case .int8: "int8"
        case .uint16: "uint16"
        case .int16: "int16"
        case .uint32: "uint32"
        case .int32: "int32"
        case .float32: "float32"
        case .bool: "bool"
        case .string: "string"
        case .array: "array"
        case .uint64: "uint64"
        case .int64: "int64"
        case .float64: "float64"
        }
    }
}

/// An array of the metadata, left in the file until somebody asks for its elements. Its bounds are checked already.
struct GGUFArray {
    let type: GGUFType
    let count: Int
    let bytes: UnsafeRawBufferPointer
    /// For messages: file and key.
    let place: String

    /// - Throws: `badData` when the elements are no strings, or one is not UTF-8.
    func strings() throws(TaperError) -> [String] {
        guard type == .string else { throw wrong("strings") }
        var reader = ByteReader(bytes, place: place)
        var all: [String] = []
        all.reserveCapacity(count)
        for index in 0..<count {
            let byteCount = try reader.count("a string's length", limit: GGUFFile.stringLimit)
            let raw = try reader.take(byteCount, "a string")
            guard let text = strictString(raw) else {
                throw TaperError(
                    .badData, "an element is not UTF-8", at: place + "[" + String(index) + "]",
                    remedy: "The file is damaged")
            }
            all.append(text)
        }
        return all
    }

    func integers() throws(TaperError) -> [Int] {
        guard type == .int32 || type == .uint32 else { throw wrong("32-bit integers") }
        let isSigned = type == .int32
        return (0..<count).map { index in
            let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
            return isSigned ? Int(Int32(bitPattern: word)) : Int(word)
        }
    }

    /// Booleans, which some writers store as integers.
    func flags() throws(TaperError) -> [Bool] {
        guard type == .bool else { return try integers().map { $0 != 0 } }
        return bytes.prefix(count).map { $0 != 0 }
    }

    func floats() throws(TaperError) -> [Float] {
        guard type == .float32 else { throw wrong("32-bit floats") }
        return (0..<count).map { index in
            Float(
                bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
        }
    }

    private func wrong(_ expected: String) -> TaperError {
        TaperError(.badData, "elements of another type", at: place, expected: expected, found: type.name)
    }
}
