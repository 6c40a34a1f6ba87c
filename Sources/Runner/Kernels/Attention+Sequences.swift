internal import CKernels
import Storage

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
        precondition(
            cache.kvHeads == first.kvHeads && cache.headSize == size && cache.bits == first.bits,
            "caches of different models")
        precondition(heads % cache.kvHeads == 0 && position < cache.capacity, "attention outside the cache")
    }
    let parts = caches.count * first.kvHeads
    let workers = pool.threadCount == 1 ? 1 : min(parts, pool.threadCount * 4)
    let floats = ck_attention_scratch_floats(1, Int32(shared), Int32(size), Int32(longest + 1))
    let scratch = pool.scratch(byteCount: floats * 4)
    let stride = pool.scratchStride
    let kernel = first.kernel(pool.kernels)
    pool.run(workers) { worker, thread in
        for part in ThreadPool.slice(parts, part: worker, of: workers) {
            let sequence = part / first.kvHeads
            let group = part % first.kvHeads
            let cache = caches[sequence]
            let offset = (sequence * heads + group * shared) * size
            if let new {
                let from = (sequence * first.kvHeads + group) * size
                cache.store(
                    key: new.keys + from, value: new.values + from, head: group, position: positions[sequence],
                    pool.kernels)
            }
            var call = cache.call(head: group)
            call.query = query + offset
            call.out = output + offset
            call.query_stride = Int64(heads * size)
            call.tokens = 1
            call.heads = Int32(shared)
            call.visible = Int32(positions[sequence] + 1)
            call.window = Int32(window ?? 0)
            call.scale = scale
            call.cap = cap
            kernel(&call, (scratch + thread * stride).assumingMemoryBound(to: Float.self))
        }
    }
}
