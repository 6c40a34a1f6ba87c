import Storage

/// One tensor description as it stands in the file, checked except for its place among the others.
struct GGUFTensorDescription {
    let name: String
    /// Outermost dimension first: the file has them the other way round.
    let shape: [Int]
    let encoding: TensorEncoding
    let byteCount: Int
    let offset: UInt64

    init(_ reader: inout ByteReader) throws(TaperError) {
        let nameByteCount = try reader.count("the length of a tensor's name", limit: GGUFFile.nameLimit)
        name = try reader.string(nameByteCount, "a tensor's name")
        // Built only for messages: a file may hold a million tensors.
        let (file, tensor) = (reader.place, name)
        var place: String { file + ": tensor '" + printable(tensor) + "'" }
        guard !name.isEmpty, !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw reader.failure("a tensor's name is empty or has control characters", found: printable(name))
        }
        let rank = try reader.u32("a tensor's rank")
        guard (1...4).contains(rank) else {
            throw TaperError(.badData, "the rank is out of range", at: place, expected: "1 to 4", found: String(rank))
        }
        var dimensions: [Int] = []
        for _ in 0..<rank {
            let raw = try reader.u64("a tensor's dimension")
            guard let dimension = Int(exactly: raw) else {
                throw TaperError(.badData, "a dimension is out of range", at: place, found: String(raw))
            }
            dimensions.append(dimension)
        }
        let type = try reader.u32("a tensor's type")
        guard let encoding = TensorEncoding.gguf(type) else {
            throw TaperError(
                .unsupported, "unknown or withdrawn tensor type", at: place, found: "type " + String(type),
                remedy: "Convert the file again with current tools")
        }
        guard dimensions[0] % encoding.blockElements == 0 else {
            throw TaperError(
                .badData, "rows do not fill whole blocks of " + encoding.name, at: place,
                expected: "a multiple of " + String(encoding.blockElements), found: String(dimensions[0]))
        }
        // Far below the largest integer, so that sums with alignment cannot overflow.
        guard let elementCount = checkedProduct(dimensions),
            let byteCount = encoding.byteCount(elementCount: elementCount), byteCount <= 1 << 56
        else {
            throw TaperError(
                .badData, "the tensor's size overflows", at: place,
                found: shapeText(dimensions.reversed()) + " of " + encoding.name)
        }
        self.shape = dimensions.reversed()
        self.encoding = encoding
        self.byteCount = byteCount
        offset = try reader.u64("a tensor's offset")
    }
}
