internal import CKernels
import Storage

extension KVLayer {
    /// Mean over KV heads of the keys and values at some positions: keys [positions / 16][headSize][16], zero beyond the
    /// last position, and values [positions][headSize].
    ///
    /// - Parameter positions: starts at a multiple of 16.
    public func average(_ positions: Range<Int>, pool: ThreadPool) -> (keys: [Float], values: [Float]) {
        let block = KVLayer.positionBlock
        precondition(
            positions.lowerBound >= 0 && positions.lowerBound % block == 0 && positions.upperBound <= capacity,
            "positions outside the cache, or not from a block's first on")
        let keyCount = roundedUp(positions.count, to: block) * headSize
        let valueCount = positions.count * headSize
        // In both layouts a head's numbers for these positions are one stretch that starts here.
        let first = positions.lowerBound * headSize
        switch numbers {
        case .half(let keys, let values):
            var mean = mean(keys + first, count: keyCount, pool: pool)
            let used = positions.count % block
            if used > 0 {
                for row in (keyCount / block - headSize)..<(keyCount / block) {
                    for lane in used..<block { mean[row * block + lane] = 0 }
                }
            }
            return (mean, self.mean(values + first, count: valueCount, pool: pool))
        case .bytes(let bytes):
            return mean(bytes, positions)
        }
    }

    /// Mean over heads of `count` numbers from `start` of head 0 on.
    private func mean(_ start: UnsafeMutablePointer<UInt16>, count: Int, pool: ThreadPool) -> [Float] {
        let convert = required(pool.kernels.functions.from_half)
        let scale = 1 / Float(kvHeads)
        var head = [Float](repeating: 0, count: count)
        var sum = head
        head.withUnsafeMutableBufferPointer { head in
            sum.withUnsafeMutableBufferPointer { sum in
                guard let part = head.baseAddress, let total = sum.baseAddress else { return }
                for index in 0..<kvHeads {
                    convert(start + index * capacity * headSize, Int32(count), part)
                    for element in 0..<count { total[element] += part[element] }
                }
                for element in 0..<count { total[element] *= scale }
            }
        }
        return sum
    }

    private func mean(_ bytes: KVBytes, _ positions: Range<Int>) -> (keys: [Float], values: [Float]) {
        let block = KVLayer.positionBlock
        let scale = 1 / Float(kvHeads)
        var keys = [Float](repeating: 0, count: roundedUp(positions.count, to: block) * headSize)
        var values = [Float](repeating: 0, count: positions.count * headSize)
        for head in 0..<kvHeads {
            let part = bytes.head(head, capacity: capacity, headSize: headSize)
            for row in 0..<positions.count {
                let position = positions.lowerBound + row
                let column = row / block * block * headSize + row % block
                for index in 0..<headSize {
                    keys[column + index * block] += part.key(index, at: position, headSize: headSize) * scale
                    values[row * headSize + index] += part.value(index, at: position, headSize: headSize) * scale
                }
            }
        }
        return (keys, values)
    }
}
