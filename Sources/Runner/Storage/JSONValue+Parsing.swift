internal import CJSON

extension JSONValue {
    /// Deepest nesting accepted: far beyond any real document, far below any stack.
    public static let depthLimit = 64

    /// Memory that parsing a document may take, by the estimate of `JSONText`: 64 MiB is 500,000 numbers, or 60,000 objects of one.
    public static let memoryLimit = 1 << 26

    /// Strict JSON: UTF-8, one value, nothing after it, no duplicate keys, at most 64 levels. Strings are exact or refused.
    /// - Parameter memoryLimit: looked at before anything is parsed.
    /// - Throws: `badData` naming the byte where parsing stopped.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, place: String, memoryLimit: Int = JSONValue.memoryLimit
    ) throws(TaperError) -> JSONValue {
        guard Int32(exactly: bytes.count) != nil, !bytes.isEmpty else {
            throw TaperError(
                .badData, bytes.isEmpty ? "the JSON text is empty" : "the JSON text exceeds 2 GB", at: place)
        }
        guard ByteOrderMark.count(bytes) == 0 else {
            throw TaperError(
                .badData, "the JSON text begins with a byte order mark", at: place, remedy: "Save it without one")
        }
        // json-c's validating flag checks strings only; this one covers the rest.
        try Files.checkText(bytes, place: place)
        let text = try JSONText(bytes, place: place)
        guard text.parsedByteCount <= memoryLimit else {
            throw TaperError(
                .badData, "the JSON text holds too many values", at: place,
                expected: "what parsing takes " + byteText(memoryLimit) + " for",
                found: "about " + byteText(text.parsedByteCount))
        }
        try Memory.require(text.parsedByteCount, for: "parsing " + place)
        let value: JSONValue
        if let rewritten = text.rewritten(bytes) {
            value = try rewritten.withBytes { raw throws(TaperError) in try parse(raw, text, place) }
        } else {
            value = try parse(bytes, text, place)
        }
        return value
    }

    public static func parse(
        _ bytes: [UInt8], place: String, memoryLimit: Int = JSONValue.memoryLimit
    ) throws(TaperError) -> JSONValue {
        try bytes.withBytes { raw throws(TaperError) in try parse(raw, place: place, memoryLimit: memoryLimit) }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, _ text: JSONText, _ place: String
    ) throws(TaperError) -> JSONValue {
        guard let tokener = json_tokener_new_ex(Int32(depthLimit)) else {
            throw TaperError(.inputOutput, "json-c: out of memory", at: place)
        }
        defer { json_tokener_free(tokener) }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        var root = json_tokener_parse_ex(tokener, start, Int32(bytes.count))
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
                at: place + " at byte " + String(text.original(end)))
        }
        for offset in end..<bytes.count where ![0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) {
            throw TaperError(
                .badData, "text after the JSON value", at: place + " at byte " + String(text.original(offset)))
        }
        var memberCount = 0
        let value = convert(root, &memberCount)
        guard text.memberCount == memberCount else {
            throw TaperError(.badData, "a key appears twice in one JSON object", at: place)
        }
        if let offset = text.foreignLiteral {
            throw TaperError(
                .badData, "not valid JSON: NaN or Infinity", at: place + " at byte " + String(offset))
        }
        return value
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
}
