import Storage

/// `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
    static let byteLimit = 100_000_000
    static let shardLimit = 10_000

    let path: String
    /// Tensor name to shard file name.
    let shardOfTensor: [String: String]
    /// Shard file names, sorted.
    let shards: [String]
    /// Bytes of all tensors, as the writer counted them.
    let totalByteCount: Int?

    init(path: String) throws(TaperError) {
        let file = try SourceFile(path: path)
        if let foreign = ForeignFile.recognise(file.bytes) {
            throw TaperError(.badData, "not a shard index", at: path, found: foreign.kind, remedy: foreign.remedy)
        }
        guard !file.bytes.isEmpty else {
            throw TaperError(.badData, "the shard index is empty", at: path, remedy: "Download it again")
        }
        guard file.bytes.count <= ShardIndex.byteLimit else {
            throw TaperError(
                .badData, "the shard index is too large", at: path,
                expected: "at most " + byteText(ShardIndex.byteLimit),
                found: byteText(file.bytes.count))
        }
        var shardOfTensor: [String: String]?
        var shards: Set<String> = []
        var totalByteCount: Int?
        var scanner = JSONMemberScanner(file.text, place: path)
        while let member = try scanner.next() {
            switch member.key {
            case "weight_map":
                guard shardOfTensor == nil else { throw TaperError(.badData, "weight_map appears twice", at: path) }
                shardOfTensor = try ShardIndex.weightMap(member, path: path, shards: &shards)
            case "metadata":
                let place = path + ": metadata"
                if member.value.first == 0x7b {
                    let metadata = try JSONMemberScanner.select(
                        ["total_size"], from: member.value, valueLimit: 64, place: place)
                    // Some writers put a floating-point number here.
                    totalByteCount = metadata["total_size"]?.double.flatMap { Int(exactly: $0) }
                }
            default: break
            }
        }
        guard let shardOfTensor, !shardOfTensor.isEmpty else {
            throw TaperError(.badData, "the shard index has no weight_map", at: path, expected: "an object")
        }
        self.path = path
        self.shardOfTensor = shardOfTensor
        self.shards = shards.sorted()
        self.totalByteCount = totalByteCount
    }

    private static func weightMap(
        _ map: JSONMemberScanner.Member, path: String, shards: inout Set<String>
    ) throws(TaperError) -> [String: String] {
        let place = path + ": weight_map"
        var all: [String: String] = [:]
        var memory = HeaderMemory()
        var scanner = JSONMemberScanner(map.value, place: place, baseOffset: map.offset)
        while let member = try scanner.next(keyLimit: SafetensorsFile.nameLimit) {
            let tensorPlace = place + ": '" + printable(member.key) + "'"
            guard member.value.first == 0x22, member.value.count <= 257 else {
                throw TaperError(.badData, "no usable shard name", at: tensorPlace, expected: "a file name")
            }
            let shard = try scanner.text(member.value, at: member.offset)
            guard isPlainName(shard) else {
                throw TaperError(
                    .badData, "the shard is not a plain file name", at: tensorPlace,
                    expected: "the name of a file beside the index", found: "'" + printable(shard) + "'",
                    remedy: "Paths are refused, since they could reach any file")
            }
            try memory.keep(member.key.utf8.count + shard.utf8.count, place: place)
            guard all.updateValue(shard, forKey: member.key) == nil else {
                throw TaperError(.badData, "the tensor appears twice", at: tensorPlace)
            }
            shards.insert(shard)
            guard shards.count <= shardLimit else {
                throw TaperError(.badData, "too many shards", at: place, expected: "at most " + String(shardLimit))
            }
        }
        return all
    }

    /// A file name that cannot lead out of the directory.
    static func isPlainName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".."
            && !name.unicodeScalars.contains { $0 == "/" || $0 == "\\" || $0.value < 0x20 || $0.value == 0x7f }
    }
}
