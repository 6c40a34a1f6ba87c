import Storage

/// Files that carry a checkpoint's name but hold something else: what they are, and what to do.
struct ForeignFile {
    let kind: String
    let remedy: String

    /// Recognises by the first bytes; nil when nothing is known.
    static func recognise(_ bytes: UnsafeRawBufferPointer) -> ForeignFile? {
        func starts(_ prefix: [UInt8], at offset: Int = 0) -> Bool {
            bytes.count >= offset + prefix.count && bytes[offset..<offset + prefix.count].elementsEqual(prefix)
        }
        if starts(Array("version https://git-lfs".utf8)) {
            return ForeignFile(
                kind: "a Git LFS pointer, not the file itself", remedy: "Run `git lfs pull` in its repository")
        }
        // Case-folded start of the text, after white space.
        let start = bytes.prefix(512).drop { [0x20, 0x09, 0x0a, 0x0d].contains($0) }.prefix(64)
        let text = String(decoding: start.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<head")
            || text.hasPrefix("<?xml")
        {
            return ForeignFile(
                kind: "a web page, probably the error message of a failed download", remedy: "Download the file again")
        }
        if starts([0x50, 0x4b, 0x03, 0x04]) {
            return ForeignFile(
                kind: "a zip archive, such as PyTorch's pickled checkpoints",
                remedy: "Convert it to safetensors first; pickles can run code and are not read")
        }
        if starts([0x80]) && bytes.count > 1 && (2...5).contains(bytes[1]) && bytes.last == 0x2e {
            return ForeignFile(
                kind: "a Python pickle",
                remedy: "Convert it to safetensors first; pickles can run code and are not read")
        }
        if starts([0x1f, 0x8b]) { return ForeignFile(kind: "a gzip archive", remedy: "Unpack it first") }
        if starts(Array("GGUF".utf8)) {
            return ForeignFile(kind: "a GGUF file", remedy: "Rename it to .gguf and name it instead of the directory")
        }
        return nil
    }
}
