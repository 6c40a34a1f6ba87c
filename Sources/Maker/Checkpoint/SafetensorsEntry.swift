import Storage

/// What a safetensors header says about one tensor: `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`.
struct SafetensorsEntry {
    let encoding: TensorEncoding
    let shape: [Int]
    /// Byte range, counted from the end of the header.
    let begin: Int
    let end: Int

    init(
        _ member: JSONMemberScanner.Member, headerPlace: String, dataByteCount: Int
    ) throws(TaperError) {
        // Built only for messages: a header may hold a million tensors.
        var place: String { headerPlace + ": tensor '" + printable(member.key) + "'" }
        if member.key.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }) {
            throw TaperError(.badData, "the tensor's name has control characters", at: place)
        }
        guard member.value.count <= 4096 else {
            throw TaperError(
                .badData, "the tensor's description is too long", at: place, expected: "at most 4096 bytes",
                found: String(member.value.count))
        }
        let fields: Fields
        do throws(TaperError) {
            fields = try Fields(member)
        } catch {
            throw error.at(place)
        }
        guard let dtype = fields.dtype else {
            throw TaperError(.badData, "no dtype", at: place, expected: "a string such as \"BF16\"")
        }
        guard let encoding = TensorEncoding.safetensors(dtype) else {
            throw TaperError(
                .unsupported, "unknown dtype", at: place, expected: "F32, F16 or BF16", found: printable(dtype))
        }
        guard let shape = fields.shape, let offsets = fields.offsets else {
            throw TaperError(
                .badData, "no usable " + (fields.shape == nil ? "shape" : "data_offsets"), at: place,
                expected: "an array", found: "nothing")
        }
        guard shape.count <= SafetensorsFile.rankLimit else {
            throw TaperError(
                .badData, "too many dimensions", at: place, expected: "at most " + String(SafetensorsFile.rankLimit),
                found: String(shape.count))
        }
        guard let elementCount = checkedProduct(shape), let byteCount = encoding.byteCount(elementCount: elementCount)
        else {
            throw TaperError(
                .badData, "the shape's size overflows or splits an element group", at: place,
                found: shapeText(shape) + " of " + dtype)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataByteCount else {
            throw TaperError(
                .badData, "data_offsets do not lie in the file", at: place,
                expected: "[begin, end] with begin <= end <= " + String(dataByteCount), found: shapeText(offsets),
                remedy: "The file is truncated or damaged; download it again")
        }
        guard offsets[1] - offsets[0] == byteCount else {
            throw TaperError(
                .badData, "data_offsets and shape disagree", at: place,
                expected: String(byteCount) + " bytes for " + shapeText(shape) + " of " + dtype,
                found: String(offsets[1] - offsets[0]) + " bytes")
        }
        self.encoding = encoding
        self.shape = shape
        (begin, end) = (offsets[0], offsets[1])
    }

    /// The three members as they stand; nil where absent.
    private struct Fields {
        private(set) var dtype: String?
        private(set) var shape: [Int]?
        private(set) var offsets: [Int]?

        init(_ member: JSONMemberScanner.Member) throws(TaperError) {
            var scanner = JSONMemberScanner(member.value, place: "header", baseOffset: member.offset)
            while let field = try scanner.next() {
                switch field.key {
                case "dtype":
                    guard dtype == nil else { throw Fields.twice(field.key) }
                    guard field.value.first == 0x22 else {
                        throw TaperError(.badData, "no usable dtype", at: "", expected: "a string such as \"BF16\"")
                    }
                    dtype = try scanner.text(field.value, at: field.offset)
                case "shape":
                    guard shape == nil else { throw Fields.twice(field.key) }
                    shape = try Fields.integers(field)
                case "data_offsets":
                    guard offsets == nil else { throw Fields.twice(field.key) }
                    offsets = try Fields.integers(field)
                default:
                    // Unknown members are the format's way to grow; they still must be JSON.
                    _ = try JSONValue.parse(field.value, place: field.key)
                }
            }
        }

        private static func twice(_ key: String) -> TaperError {
            TaperError(.badData, "the key '" + key + "' appears twice", at: "")
        }

        /// An array of whole numbers, none negative.
        private static func integers(_ field: JSONMemberScanner.Member) throws(TaperError) -> [Int] {
            if let plain = plainIntegers(field.value) { return plain }
            let value = try JSONValue.parse(field.value, place: field.key)
            guard let values = value.array else {
                throw TaperError(
                    .badData, "no usable " + field.key, at: "", expected: "an array", found: value.kind)
            }
            var integers: [Int] = []
            for value in values {
                guard let integer = value.integer, integer >= 0 else {
                    throw TaperError(
                        .badData, field.key + " holds something else than whole numbers", at: "",
                        found: printable(value.text(), limit: 40))
                }
                integers.append(integer)
            }
            return integers
        }

        /// "[12,345]" as every writer puts it, without the general parser's cost; nil for whatever is not that plain.
        private static func plainIntegers(_ text: UnsafeRawBufferPointer) -> [Int]? {
            guard text.count >= 3, text.first == 0x5b, text.last == 0x5d else { return nil }
            var integers: [Int] = []
            var value = 0
            var digitCount = 0
            for byte in text[1...] {
                switch byte {
                case 0x30...0x39:
                    // No leading zeros, no overflow: the general parser decides about those.
                    guard digitCount < 18, !(digitCount == 1 && value == 0) else { return nil }
                    value = value * 10 + Int(byte - 0x30)
                    digitCount += 1
                case 0x2c, 0x5d:
                    guard digitCount > 0 else { return nil }
                    integers.append(value)
                    (value, digitCount) = (0, 0)
                case 0x20 where digitCount == 0: continue
                default: return nil
                }
            }
            return integers
        }
    }
}
