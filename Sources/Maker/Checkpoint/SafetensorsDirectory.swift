import Storage

/// The safetensors files of a Hugging Face directory, single or sharded, checked against each other.
struct SafetensorsDirectory {
    private(set) var container = TensorContainer()
    /// `__metadata__` of the first file.
    private(set) var metadata: [JSONValue.Member] = []

    /// - Parameter chosen: reads this one file instead of looking for `model.safetensors` or the index.
    init(path: String, chosen: String? = nil) throws(TaperError) {
        let names = try Files.list(path)
        let single = chosen ?? (names.contains("model.safetensors") ? "model.safetensors" : nil)
        let indexes = names.filter { $0.hasSuffix(".safetensors.index.json") }
        if let single {
            try add([single], in: path)
            let shards = names.filter { $0 != single && $0.hasSuffix(".safetensors") }
            if chosen == nil && (!indexes.isEmpty || !shards.isEmpty) {
                container.warnings.append(
                    path + ": model.safetensors is used; other safetensors files and indexes beside it are ignored")
            }
        } else if let indexName = indexes.first(where: { $0 == "model.safetensors.index.json" }) ?? indexes.first {
            try open(ShardIndex(path: path + "/" + indexName), in: path, names: names)
        } else {
            try openWithoutIndex(path: path, names: names)
        }
    }

    private mutating func add(_ shards: [String], in path: String) throws(TaperError) {
        var holder: [String: String] = [:]
        var memory = HeaderMemory()
        for shard in shards {
            let file = try SafetensorsFile(path: path + "/" + shard, memory: &memory)
            if container.files.isEmpty { metadata = file.metadata }
            // Within a file the parser has seen to it.
            for tensor in file.tensors where shards.count > 1 {
                if let other = holder.updateValue(shard, forKey: tensor.name) {
                    throw TaperError(
                        .badData, "two shards hold the same tensor", at: path + "/" + shard,
                        found: "'" + printable(tensor.name) + "', also in " + other)
                }
            }
            container.files.append(file.file)
            container.tensors.append(contentsOf: file.tensors)
        }
    }

    private mutating func open(_ index: ShardIndex, in path: String, names: [String]) throws(TaperError) {
        let present = Set(names)
        let missing = index.shards.filter { !present.contains($0) }
        if let first = missing.first {
            throw TaperError(
                .badData, "shards are missing", at: index.path, expected: String(index.shards.count) + " files",
                found: "no '" + printable(first) + "'"
                    + (missing.count > 1 ? " and " + String(missing.count - 1) + " more missing" : ""),
                remedy: "Download the missing files into the same directory")
        }
        try add(index.shards, in: path)
        var unlisted = 0
        var held: Set<String> = []
        for tensor in container.tensors {
            held.insert(tensor.name)
            guard let shard = index.shardOfTensor[tensor.name] else {
                unlisted += 1
                continue
            }
            guard shard == tensor.file.name else {
                throw TaperError(
                    .badData, "the index is stale: the tensor is in another shard", at: index.path,
                    expected: "'" + printable(tensor.name) + "' in " + shard, found: "it in " + tensor.file.name,
                    remedy: "Download index and shards from the same revision")
            }
        }
        // The smallest name, so that the message does not depend on the dictionary's order.
        if let absent = index.shardOfTensor.keys.filter({ !held.contains($0) }).min() {
            throw TaperError(
                .badData, "the index names a tensor that its shard does not hold", at: index.path,
                found: "'" + printable(absent) + "' for " + printable(index.shardOfTensor[absent] ?? ""),
                remedy: "Download index and shards from the same revision")
        }
        if unlisted > 0 {
            container.warnings.append(
                index.path + ": " + String(unlisted) + " tensors of the shards are not in the index")
        }
        let listed = Set(index.shards)
        for name in names where name.hasSuffix(".safetensors") && !listed.contains(name) {
            container.warnings.append(index.path + ": the file " + printable(name) + " is not in the index: ignored")
        }
        let byteCount = container.tensors.reduce(0) { $0 + $1.bytes.count }
        if let total = index.totalByteCount, total != byteCount {
            container.warnings.append(
                index.path + ": metadata.total_size says " + String(total) + " bytes, the shards hold "
                    + String(byteCount))
        }
    }

    private mutating func openWithoutIndex(path: String, names: [String]) throws(TaperError) {
        let candidates = names.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix("consolidated") }
        if candidates.count == 1 {
            container.warnings.append(path + ": no model.safetensors; " + printable(candidates[0]) + " is used")
            return try add(candidates, in: path)
        }
        let numbered = candidates.compactMap { SafetensorsDirectory.shardCount(of: $0) }
        if let count = numbered.first, numbered.count == candidates.count, numbered.allSatisfy({ $0 == count }) {
            guard candidates.count == count else {
                throw TaperError(
                    .badData, "shards are missing, and so is their index", at: path,
                    expected: String(count) + " files", found: String(candidates.count),
                    remedy: "Download the missing files into the same directory")
            }
            container.warnings.append(path + ": no model.safetensors.index.json; all numbered shards are used")
            return try add(candidates, in: path)
        }
        let pickles = names.filter { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth") }
        if let pickle = pickles.first, candidates.isEmpty {
            throw TaperError(
                .unsupported, "the directory has no safetensors files", at: path,
                found: "PyTorch pickles such as " + printable(pickle),
                remedy: "Convert them to safetensors first; pickles can run code and are not read")
        }
        throw TaperError(
            .badData, "the directory has no usable safetensors files", at: path,
            expected: "model.safetensors, or model.safetensors.index.json with its shards",
            found: candidates.isEmpty ? "none" : String(candidates.count) + " unrelated ones")
    }

    /// 9 for "model-00002-of-00009.safetensors".
    static func shardCount(of name: String) -> Int? {
        let stem = Array(name.utf8.dropLast(".safetensors".utf8.count))
        let marker = Array("-of-".utf8)
        guard let digits = stem.lastIndex(of: 0x2d).map({ stem[($0 + 1)...] }), !digits.isEmpty, digits.count <= 6,
            digits.allSatisfy({ (0x30...0x39).contains($0) }),
            stem[..<digits.startIndex].suffix(marker.count).elementsEqual(marker)
        else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
