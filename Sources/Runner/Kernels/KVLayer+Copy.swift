import Storage

extension KVLayer {
    /// Takes over keys and values of the first `positions` positions; both have the same heads and bits.
    public func copy(from other: KVLayer, positions: Int) {
        precondition(positions <= capacity && positions <= other.capacity, "the KV cache is too small")
        precondition(kvHeads == other.kvHeads && headSize == other.headSize, "caches of different models")
        // Keys lie in blocks of 16 positions; what stands behind the last position is never read.
        let padded = roundedUp(positions, to: KVLayer.positionBlock)
        for head in 0..<kvHeads {
            switch (numbers, other.numbers) {
            case (.half(let keys, let values), .half(let otherKeys, let otherValues)):
                (keys + head * capacity * headSize).update(
                    from: otherKeys + head * other.capacity * headSize, count: padded * headSize)
                (values + head * capacity * headSize).update(
                    from: otherValues + head * other.capacity * headSize, count: positions * headSize)
            case (.bytes(let bytes), .bytes(let otherBytes)):
                let to = bytes.head(head, capacity: capacity, headSize: headSize)
                let from = otherBytes.head(head, capacity: other.capacity, headSize: headSize)
                to.keys.update(from: from.keys, count: padded * KVBytes.keySize(headSize))
                to.values.update(from: from.values, count: padded * KVBytes.valueSize(headSize))
                to.keyScales.update(from: from.keyScales, count: positions)
                to.valueScales.update(from: from.valueScales, count: positions)
            default: preconditionFailure("caches of different precision")
            }
        }
    }

    /// Keys and values of the first `positions` positions as floats, [positions][kvHeads * headSize] each.
    public func floats(positions: Int) -> (keys: [Float], values: [Float]) {
        precondition(positions <= capacity, "positions outside the cache")
        var result = (keys: [Float](), values: [Float]())
        result.keys.reserveCapacity(positions * kvHeads * headSize)
        result.values.reserveCapacity(positions * kvHeads * headSize)
        for position in 0..<positions {
            for head in 0..<kvHeads {
                for index in 0..<headSize {
                    result.keys.append(key(index, head: head, position: position))
                    result.values.append(value(index, head: head, position: position))
                }
            }
        }
        return result
    }

    private func key(_ index: Int, head: Int, position: Int) -> Float {
        switch numbers {
        case .half(let keys, _):
            let block = KVLayer.positionBlock
            let column = (head * capacity + position / block * block) * headSize + position % block
            return floatFromHalf(keys[column + index * block])
        case .bytes(let bytes):
            return bytes.head(head, capacity: capacity, headSize: headSize).key(
                index, at: position, headSize: headSize)
        }
    }

    private func value(_ index: Int, head: Int, position: Int) -> Float {
        switch numbers {
        case .half(_, let values): floatFromHalf(values[(head * capacity + position) * headSize + index])
        case .bytes(let bytes):
            bytes.head(head, capacity: capacity, headSize: headSize).value(index, at: position, headSize: headSize)
        }
    }
}
