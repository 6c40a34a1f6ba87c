internal import CKernels
import Storage

/// Keys and values of one layer in half precision: values [kvHead][capacity][headSize], keys
/// [kvHead][capacity / 16][headSize][16]. The capacity is a multiple of 16.
public struct KVLayer {
    public var keys: UnsafeMutablePointer<UInt16>
    public var values: UnsafeMutablePointer<UInt16>
    public var capacity: Int
    public var kvHeads: Int
    public var headSize: Int
    /// Positions whose keys lie side by side.
    public static let positionBlock = 16

    public init(
        keys: UnsafeMutablePointer<UInt16>, values: UnsafeMutablePointer<UInt16>, capacity: Int, kvHeads: Int,
        headSize: Int
    ) {
        self.keys = keys
        self.values = values
        precondition(capacity % KVLayer.positionBlock == 0, "the capacity of a cache is a multiple of 16")
        self.capacity = capacity
        self.kvHeads = kvHeads
        self.headSize = headSize
    }
}

/// Stores keys and values, [tokens][kvHeads * headSize], at positions firstPosition and on.
@inline(never)
public func storeKV(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, tokens: Int, firstPosition: Int, cache: KVLayer,
    pool: ThreadPool
) {
    precondition(firstPosition + tokens <= cache.capacity, "the KV cache is full")
    let size = cache.headSize
    let toHalf = required(pool.kernels.functions.to_half)
    let storeKey = required(pool.kernels.functions.store_key)
    for token in 0..<tokens {
        for head in 0..<cache.kvHeads {
            let from = (token * cache.kvHeads + head) * size
            let to = head * cache.capacity * size
            let position = firstPosition + token
            storeKey(keys + from, Int32(size), Int32(position), cache.keys + to)
            toHalf(values + from, Int32(size), cache.values + to + position * size)
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
    let kernel = required(pool.kernels.functions.attention)
    pool.run(workers) { worker, thread in
        for part in ThreadPool.slice(parts, part: worker, of: workers) {
            // Long blocks (late tokens) and short ones alternate among the workers.
            let group = part % groups
            let start = part / groups * block
            let head = group * headsPerPart
            let kvOffset = head / shared * cache.capacity * size
            var call = ck_attention_t()
            call.query = query + start * heads * size + head * size
            call.out = output + start * heads * size + head * size
            call.query_stride = Int64(heads * size)
            call.keys = UnsafePointer(cache.keys + kvOffset)
            call.values = UnsafePointer(cache.values + kvOffset)
            call.tokens = Int32(min(block, tokens - start))
            call.heads = Int32(headsPerPart)
            call.head_size = Int32(size)
            call.visible = Int32(firstPosition + start + 1)
            call.window = Int32(window ?? 0)
            call.scale = scale
            call.cap = cap
            kernel(&call, (scratch + thread * stride).assumingMemoryBound(to: Float.self))
        }
    }
}
