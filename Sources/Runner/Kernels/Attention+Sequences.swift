internal import CKernels
import Storage

extension KVLayer {
    /// Takes over keys and values of the first `positions` positions; both have the same heads.
    public func copy(from other: KVLayer, positions: Int) {
        precondition(positions <= capacity && positions <= other.capacity, "the KV cache is too small")
        precondition(kvHeads == other.kvHeads && headSize == other.headSize, "caches of different models")
        // Keys lie in blocks of 16 positions; what stands behind the last position is never read.
        let keyCount = roundedUp(positions, to: KVLayer.positionBlock) * headSize
        for head in 0..<kvHeads {
            (keys + head * capacity * headSize).update(
                from: other.keys + head * other.capacity * headSize, count: keyCount)
            (values + head * capacity * headSize).update(
                from: other.values + head * other.capacity * headSize, count: positions * headSize)
        }
    }

    /// Keys and values of the first `positions` positions as floats, [positions][kvHeads * headSize] each.
    public func floats(positions: Int) -> (keys: [Float], values: [Float]) {
        precondition(positions <= capacity, "positions outside the cache")
        let block = KVLayer.positionBlock
        var result = (keys: [Float](), values: [Float]())
        result.keys.reserveCapacity(positions * kvHeads * headSize)
        result.values.reserveCapacity(positions * kvHeads * headSize)
        for position in 0..<positions {
            for head in 0..<kvHeads {
                let start = head * capacity * headSize
                let column = start + position / block * block * headSize + position % block
                for index in 0..<headSize {
                    result.keys.append(floatFromHalf(keys[column + index * block]))
                    result.values.append(floatFromHalf(values[start + position * headSize + index]))
                }
            }
        }
        return result
    }
}

/// The attention of one new token in each of several sequences: what `attention` computes for each alone.
///
/// query and output are [sequences][heads * headSize]; sequence s has `positions[s]` tokens before the new one, whose keys and
/// values, [sequences][kvHeads * headSize], it stores first, or which are stored already where there are none.
@inline(never)  // Large, and called from several places.
public func attention(
    query: UnsafePointer<Float>, storing new: (keys: UnsafePointer<Float>, values: UnsafePointer<Float>)? = nil,
    positions: [Int], caches: [KVLayer], heads: Int, window: Int? = nil,
    scale: Float, cap: Float, output: UnsafeMutablePointer<Float>, pool: ThreadPool
) {
    precondition(positions.count == caches.count, "as many positions as caches")
    guard let first = caches.first, let longest = positions.max() else { return }
    let shared = heads / first.kvHeads
    let size = first.headSize
    for (cache, position) in zip(caches, positions) {
        precondition(cache.kvHeads == first.kvHeads && cache.headSize == size, "caches of different models")
        precondition(heads % cache.kvHeads == 0 && position < cache.capacity, "attention outside the cache")
    }
    let parts = caches.count * first.kvHeads
    let workers = pool.threadCount == 1 ? 1 : min(parts, pool.threadCount * 4)
    let floats = ck_attention_scratch_floats(1, Int32(shared), Int32(size), Int32(longest + 1))
    let scratch = pool.scratch(byteCount: floats * 4)
    let stride = pool.scratchStride
    let kernel = required(pool.kernels.functions.attention)
    let toHalf = required(pool.kernels.functions.to_half)
    let storeKey = required(pool.kernels.functions.store_key)
    pool.run(workers) { worker, thread in
        for part in ThreadPool.slice(parts, part: worker, of: workers) {
            let sequence = part / first.kvHeads
            let group = part % first.kvHeads
            let cache = caches[sequence]
            let offset = (sequence * heads + group * shared) * size
            let kvOffset = group * cache.capacity * size
            if let new {
                let (from, position) = ((sequence * first.kvHeads + group) * size, positions[sequence])
                storeKey(new.keys + from, Int32(size), Int32(position), cache.keys + kvOffset)
                toHalf(new.values + from, Int32(size), cache.values + kvOffset + position * size)
            }
            var call = ck_attention_t()
            call.query = query + offset
            call.out = output + offset
            call.query_stride = Int64(heads * size)
            call.keys = UnsafePointer(cache.keys + kvOffset)
            call.values = UnsafePointer(cache.values + kvOffset)
            call.tokens = 1
            call.heads = Int32(shared)
            call.head_size = Int32(size)
            call.visible = Int32(positions[sequence] + 1)
            call.window = Int32(window ?? 0)
            call.scale = scale
            call.cap = cap
            kernel(&call, (scratch + thread * stride).assumingMemoryBound(to: Float.self))
        }
    }
}
