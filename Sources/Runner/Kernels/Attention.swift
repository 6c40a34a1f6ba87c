internal import CKernels
import Storage

/// Stores keys and values, [tokens][kvHeads * headSize], at positions firstPosition and on.
@inline(never)
public func storeKV(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, tokens: Int, firstPosition: Int, cache: KVLayer,
    pool: ThreadPool
) {
    precondition(firstPosition + tokens <= cache.capacity, "the KV cache is full")
    let size = cache.headSize
    for token in 0..<tokens {
        for head in 0..<cache.kvHeads {
            let from = (token * cache.kvHeads + head) * size
            cache.store(
                key: keys + from, value: values + from, head: head, position: firstPosition + token, pool.kernels)
        }
    }
}

/// Causal attention, softmax(q K^T * scale) V: token t sees positions 0 ... firstPosition + t, or the last `window` of them.
/// With a cap above 0 a score s is cap * tanh(s / cap) (Gemma 2, arXiv 2408.00118, section 2).
///
/// query and output are [tokens][heads * headSize]; the query is already rotated. Heads that share a key/value head are
/// worked on together, in blocks of tokens, so that keys and values are widened once for all of them.
@inline(never)  // Large, and called from several places.
public func attention(
    query: UnsafePointer<Float>, tokens: Int, firstPosition: Int, cache: KVLayer, heads: Int, window: Int? = nil,
    scale: Float, cap: Float, output: UnsafeMutablePointer<Float>, pool: ThreadPool
) {
    precondition(heads % cache.kvHeads == 0 && firstPosition + tokens <= cache.capacity, "attention outside the cache")
    let shared = heads / cache.kvHeads
    let size = cache.headSize
    // Parts are (kv head, block of tokens). One token with fewer kv heads than threads: heads.
    let block = tokens == 1 ? 1 : 16
    let headsPerPart = tokens == 1 && cache.kvHeads < pool.threadCount ? 1 : shared
    let blocks = (tokens + block - 1) / block
    let groups = heads / headsPerPart
    let parts = groups * blocks
    let workers = tokens == 1 && heads * (firstPosition + 1) * size < 1 << 15 ? 1 : min(parts, pool.threadCount * 4)
    let floats = ck_attention_scratch_floats(
        Int32(block), Int32(headsPerPart), Int32(size), Int32(firstPosition + tokens))
    let scratch = pool.scratch(byteCount: floats * 4)
    let stride = pool.scratchStride
    let kernel = cache.kernel(pool.kernels)
    pool.run(workers) { worker, thread in
        for part in ThreadPool.slice(parts, part: worker, of: workers) {
            // Long blocks (late tokens) and short ones alternate among the workers.
            let group = part % groups
            let start = part / groups * block
            let head = group * headsPerPart
            var call = cache.call(head: head / shared)
            call.query = query + start * heads * size + head * size
            call.out = output + start * heads * size + head * size
            call.query_stride = Int64(heads * size)
            call.tokens = Int32(min(block, tokens - start))
            call.heads = Int32(headsPerPart)
            call.visible = Int32(firstPosition + start + 1)
            call.window = Int32(window ?? 0)
            call.scale = scale
            call.cap = cap
            kernel(&call, (scratch + thread * stride).assumingMemoryBound(to: Float.self))
        }
    }
}
