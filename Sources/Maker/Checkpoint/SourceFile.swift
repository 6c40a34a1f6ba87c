import Storage

/// A mapped file of a checkpoint, with what is needed to notice that somebody changed it.
final class SourceFile {
    let map: MappedFile
    let path: String
    /// Last component of the path.
    let name: String
    private let status: FileStatus?

    init(path: String) throws(TaperError) {
        map = try MappedFile(path: path)
        status = FileStatus(path: path)
        self.path = path
        name = Files.name(of: path)
    }

    var bytes: UnsafeRawBufferPointer { map.bytes }
    /// Of a text file: without a byte order mark.
    var text: UnsafeRawBufferPointer { ByteOrderMark.skipped(map.bytes) }

    /// - Throws: `inputOutput` when the file was written to since it was opened. One that was removed or replaced by
    ///   another under the same name is still mapped whole, and fine.
    func verifyUnchanged() throws(TaperError) {
        guard let now = FileStatus(path: path), let status, now.identity == status.identity else { return }
        guard now.byteCount == bytes.count, now.modifiedNanoseconds == map.modifiedNanoseconds else {
            throw TaperError(
                .inputOutput, "the file changed while it was in use", at: path,
                expected: byteText(bytes.count) + ", unmodified", found: byteText(now.byteCount) + ", written since",
                remedy: "Start again")
        }
    }
}

/// A tensor as its file describes it: where its bytes are and how they are encoded.
struct StoredTensor {
    let name: String
    /// Outermost dimension first; the last one is contiguous.
    let shape: [Int]
    let encoding: TensorEncoding
    let file: SourceFile
    let bytes: Range<Int>

    var entry: TensorEntry {
        TensorEntry(
            name: name, sourceName: name, shape: shape, dtype: encoding.name, byteCount: bytes.count, file: file.name)
    }
}

/// What a safetensors directory and a GGUF file have in common: tensors in mapped files, and facts about them.
struct TensorContainer {
    /// In file order.
    var tensors: [StoredTensor] = []
    var files: [SourceFile] = []
    var warnings: [String] = []
}

/// One tensor of a checkpoint.
public struct TensorEntry: Equatable, Sendable {
    /// The canonical name (`TensorName`); in listings, the file's own.
    public let name: String
    /// The name in the file.
    public let sourceName: String
    /// Outermost dimension first: [rows, columns] or [elements].
    public let shape: [Int]
    /// Encoding in the file's own words: "BF16", "Q4_1".
    public let dtype: String
    /// Bytes in the file.
    public let byteCount: Int
    /// Name of the file that holds it.
    public let file: String

    public var elementCount: Int { checkedProduct(shape) ?? 0 }
}
