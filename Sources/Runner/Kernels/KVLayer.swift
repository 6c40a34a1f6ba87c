internal import CKernels
import Storage

/// Keys and values of one layer, [kvHead] of what the kernels read. The capacity is a multiple of 16.
public struct KVLayer {
    /// The numbers of all heads, one head after the other.
    public enum Numbers {
        /// IEEE half precision: values [capacity][headSize], keys [capacity / 16][headSize][16].
        case half(keys: UnsafeMutablePointer<UInt16>, values: UnsafeMutablePointer<UInt16>)
        case bytes(KVBytes)
    }
    public let numbers: Numbers
    public let capacity: Int
    public let kvHeads: Int
    public let headSize: Int
    /// Positions whose keys lie side by side.
    public static let positionBlock = 16

    public init(_ numbers: Numbers, capacity: Int, kvHeads: Int, headSize: Int) {
        precondition(capacity % KVLayer.positionBlock == 0, "the capacity of a cache is a multiple of 16")
        self.numbers = numbers
        self.capacity = capacity
        self.kvHeads = kvHeads
        self.headSize = headSize
    }

    /// Of a number: 16 or 8.
    public var bits: Int {
        switch numbers {
        case .half: 16
        case .bytes: 8
        }
    }

    /// Bytes of keys and values of one position, all heads, with the scales that bytes have.
    public static func byteCount(bits: Int, kvHeads: Int, headSize: Int) -> Int {
        bits == 16
            ? kvHeads * headSize * 4
            : kvHeads * (KVBytes.keySize(headSize) + KVBytes.valueSize(headSize) + 8)
    }

    /// Puts one position's key and value, [headSize] each, where attention expects them.
    func store(
        key: UnsafePointer<Float>, value: UnsafePointer<Float>, head: Int, position: Int, _ table: KernelTable
    ) {
        switch numbers {
        case .half(let keys, let values):
            let start = head * capacity * headSize
            required(table.functions.store_key)(key, Int32(headSize), Int32(position), keys + start)
            required(table.functions.to_half)(value, Int32(headSize), values + start + position * headSize)
        case .bytes(let bytes):
            let at = bytes.head(head, capacity: capacity, headSize: headSize)
            required(table.functions.store_key_bytes)(
                key, at.smoothing, Int32(headSize), Int32(position), at.keys, at.keyScales)
            required(table.functions.store_value_bytes)(
                value, Int32(headSize), Int32(position), at.values, at.valueScales)
        }
    }

    /// A call of `kernel` with one head's keys and values; queries, positions and the rest are the caller's.
    func call(head: Int) -> ck_attention_t {
        var call = ck_attention_t()
        call.head_size = Int32(headSize)
        switch numbers {
        case .half(let keys, let values):
            call.keys = UnsafePointer(keys + head * capacity * headSize)
            call.values = UnsafePointer(values + head * capacity * headSize)
        case .bytes(let bytes):
            let at = bytes.head(head, capacity: capacity, headSize: headSize)
            call.byte_keys = UnsafePointer(at.keys)
            call.byte_values = UnsafePointer(at.values)
            call.key_scales = UnsafePointer(at.keyScales)
            call.value_scales = UnsafePointer(at.valueScales)
            call.smoothing = at.smoothing
        }
        return call
    }

    func kernel(_ table: KernelTable) -> (UnsafePointer<ck_attention_t>?, UnsafeMutablePointer<Float>?) -> Void {
        switch numbers {
        case .half: required(table.functions.attention)
        case .bytes: required(table.functions.attention_bytes)
        }
    }
}
