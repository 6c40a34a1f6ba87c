// Libraries name what can be set by its field, such as "temperature"; only a program knows the flag that sets it, and a server
// the key of its requests. So messages carry marked fields, and whoever shows one puts its own word in their place.

/// A setting as messages name it: "Use a smaller " + field("context_length"). `name` is in lower case with underscores.
public func field(_ name: String) -> String { "\u{e000}" + name + "\u{e001}" }

/// A message with every field in the caller's words; by default its bare name.
public func worded(_ message: String, _ word: (_ field: String) -> String = { $0 }) -> String {
    let bytes = Array(message.utf8)
    // Nearly no message has a field: the marks' first byte is rare.
    guard bytes.contains(0xee) else { return message }
    /// 0 or 1 for the mark that begins at `index`, else nil.
    func mark(_ index: Int) -> UInt8? {
        guard index + 2 < bytes.count, bytes[index] == 0xee, bytes[index + 1] == 0x80 else { return nil }
        return bytes[index + 2] == 0x80 ? 0 : bytes[index + 2] == 0x81 ? 1 : nil
    }
    var text: [UInt8] = []
    var index = 0
    while index < bytes.count {
        if mark(index) == 0 {
            var end = index + 3
            while end < bytes.count, mark(end) == nil { end += 1 }
            // A mark that nothing closes is part of somebody's text.
            if mark(end) == 1 {
                text += Array(word(String(decoding: bytes[index + 3..<end], as: UTF8.self)).utf8)
                index = end + 3
                continue
            }
        }
        text.append(bytes[index])
        index += 1
    }
    return String(decoding: text, as: UTF8.self)
}

/// The usual flag of a field: "--top-k" of "top_k".
public func usualFlag(_ field: String) -> String {
    var flag = Array("--".utf8)
    for byte in field.utf8 { flag.append(byte == 0x5f ? 0x2d : byte) }
    return String(decoding: flag, as: UTF8.self)
}
