internal import CJSON

extension JSONValue {
    /// Deepest nesting accepted: far beyond any real document, far below any stack.
    public static let depthLimit = 64

    /// Strict JSON: UTF-8, one value, nothing after it, no duplicate keys, at most 64 levels.
    /// - Throws: `badData` naming the byte where parsing stopped.
    public static func parse(_ bytes: UnsafeRawBufferPointer, place: String) throws(TaperError) -> JSONValue {
        guard let count = Int32(exactly: bytes.count), count > 0 else {
            throw TaperError(
                .badData, bytes.isEmpty ? "the JSON text is empty" : "the JSON text exceeds 2 GB", at: place)
        }
        // json-c's validating flag checks strings only; this one covers the rest.
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw TaperError(.badData, "the JSON text is not UTF-8", at: place)
        }
        guard let tokener = json_tokener_new_ex(Int32(depthLimit)) else {
            throw TaperError(.internalFault, "json-c: out of memory")
        }
        defer { json_tokener_free(tokener) }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        var root = json_tokener_parse_ex(tokener, start, count)
        var status = json_tokener_get_error(tokener)
        var end = min(Int(json_tokener_get_parse_end(tokener)), bytes.count)
        if status == json_tokener_continue {
            // A bare number or literal ends only when the parser sees that the text does.
            end = bytes.count
            root = json_tokener_parse_ex(tokener, "\0", 1)
            status = json_tokener_get_error(tokener)
        }
        defer { json_object_put(root) }
        guard status == json_tokener_success else {
            throw TaperError(
                .badData, "not valid JSON: " + String(cString: json_tokener_error_desc(status)),
                at: place + " at byte " + String(end))
        }
        for offset in end..<bytes.count where ![0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) {
            throw TaperError(.badData, "text after the JSON value", at: place + " at byte " + String(offset))
        }
        var memberCount = 0
        let value = convert(root, &memberCount)
        // What json-c lets pass even when strict: repeated keys (it keeps the last), NaN, raw control characters.
        switch scan(bytes) {
        case .colons(let written):
            guard written == memberCount else {
                throw TaperError(.badData, "a key appears twice in one JSON object", at: place)
            }
        case .badByte(let offset):
            throw TaperError(
                .badData, "not valid JSON: NaN, Infinity or a control character",
                at: place + " at byte " + String(offset))
        }
        return value
    }

    public static func parse(_ bytes: [UInt8], place: String) throws(TaperError) -> JSONValue {
        try bytes.withBytes { raw throws(TaperError) in try parse(raw, place: place) }
    }

    private static func convert(_ object: OpaquePointer?, _ memberCount: inout Int) -> JSONValue {
        guard let object else { return .null }
        switch json_object_get_type(object) {
        case json_type_boolean: return .bool(json_object_get_boolean(object) != 0)
        case json_type_double: return .number(json_object_get_double(object))
        case json_type_int:
            let wide = json_object_get_uint64(object)
            return wide > UInt64(Int64.max) ? .number(Double(wide)) : .integer(Int(json_object_get_int64(object)))
        case json_type_string:
            let count = Int(json_object_get_string_len(object))
            guard let text = json_object_get_string(object) else { return .string("") }
            return .string(String(decoding: UnsafeRawBufferPointer(start: text, count: count), as: UTF8.self))
        case json_type_array:
            var values: [JSONValue] = []
            let count = json_object_array_length(object)
            values.reserveCapacity(count)
            for index in 0..<count { values.append(convert(json_object_array_get_idx(object, index), &memberCount)) }
            return .array(values)
        case json_type_object:
            var members: [Member] = []
            members.reserveCapacity(Int(json_object_object_length(object)))
            var iterator = json_object_iter_begin(object)
            var end = json_object_iter_end(object)
            while json_object_iter_equal(&iterator, &end) == 0 {
                if let name = json_object_iter_peek_name(&iterator) {
                    let value = convert(json_object_iter_peek_value(&iterator), &memberCount)
                    members.append(Member(String(cString: name), value))
                }
                json_object_iter_next(&iterator)
            }
            memberCount += members.count
            return .object(members)
        default: return .null
        }
    }

    private enum Scan {
        /// Number of colons outside strings: the number of members written.
        case colons(Int)
        case badByte(Int)
    }

    /// Looks at text that json-c accepted.
    private static func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        var colons = 0
        var inString = false
        var escaped = false
        for (offset, byte) in bytes.enumerated() {
            if inString {
                if byte < 0x20 { return .badByte(offset) }
                if escaped {
                    escaped = false
                } else if byte == 0x5c {
                    escaped = true
                } else if byte == 0x22 {
                    inString = false
                }
            } else if byte == 0x22 {
                inString = true
            } else if byte == 0x3a {
                colons += 1
            } else if byte == 0x4e || byte == 0x49 {
                return .badByte(offset)
            }
        }
        return .colons(colons)
    }
}
