import Kernels
import Testing

/// A cache that owns its memory, with NaN where nothing was stored: reading beyond the visible positions would show.
final class TestCache {
    let layer: KVLayer
    private let memory: [UnsafeMutableRawPointer]

    /// - Parameter smoothing: of every channel, [kvHeads * headSize], for a cache of bytes; nil: a different one for each.
    init(capacity: Int, kvHeads: Int, headSize: Int, bits: Int = 16, smoothing: [Float]? = nil) {
        let capacity = (capacity + 15) / 16 * 16
        var memory: [UnsafeMutableRawPointer] = []
        func take<T>(_ value: T, _ count: Int) -> UnsafeMutablePointer<T> {
            let pointer = UnsafeMutablePointer<T>.allocate(capacity: count)
            pointer.initialize(repeating: value, count: count)
            memory.append(UnsafeMutableRawPointer(pointer))
            return pointer
        }
        let numbers: KVLayer.Numbers
        if bits == 16 {
            let count = capacity * kvHeads * headSize
            numbers = .half(keys: take(0x7E00, count), values: take(0x7E00, count))
        } else {
            let factors: UnsafeMutablePointer<Float> = take(1, kvHeads * 2 * headSize)
            for channel in 0..<kvHeads * headSize {
                let factor = smoothing.map { $0[channel] } ?? Float(1 + channel % 5) / 4
                let at = channel / headSize * 2 * headSize + channel % headSize
                factors[at] = factor
                factors[at + headSize] = 1 / factor
            }
            numbers = .bytes(
                KVBytes(
                    keys: take(77, capacity * kvHeads * KVBytes.keySize(headSize)),
                    values: take(-77, capacity * kvHeads * KVBytes.valueSize(headSize)),
                    keyScales: take(.nan, capacity * kvHeads), valueScales: take(.nan, capacity * kvHeads),
                    smoothing: UnsafePointer(factors)))
        }
        layer = KVLayer(numbers, capacity: capacity, kvHeads: kvHeads, headSize: headSize)
        self.memory = memory
    }
    deinit { for pointer in memory { pointer.deallocate() } }
}

@Suite struct KVLayerTests {
    private func filledCache(_ bits: Int, positions: Int, kvHeads: Int, headSize: Int, smoothing: [Float]? = nil)
        -> (cache: TestCache, keys: [Float], values: [Float])
    {
        let cache = TestCache(
            capacity: positions + 20, kvHeads: kvHeads, headSize: headSize, bits: bits, smoothing: smoothing)
        var random = TestRandom(positions + headSize)
        let keys = random.floats(positions * kvHeads * headSize, scale: 3)
        let values = random.floats(positions * kvHeads * headSize)
        storeKV(
            keys: keys, values: values, tokens: positions, firstPosition: 0, cache: cache.layer,
            pool: ThreadPool(threadCount: 1, instructionSet: .best))
        return (cache, keys, values)
    }

    /// Half a step at most: of a 127th of the position's largest number, scaled back by its channel.
    @Test(arguments: [(1, 1, 4), (19, 2, 64), (33, 3, 17), (5, 1, 100)])
    func bytesAreWithinHalfAStep(positions: Int, kvHeads: Int, headSize: Int) {
        let smoothing = (0..<kvHeads * headSize).map { Float(1 + $0 % 7) }
        let (cache, keys, values) = filledCache(
            8, positions: positions, kvHeads: kvHeads, headSize: headSize, smoothing: smoothing)
        let kept = cache.layer.floats(positions: positions)
        for row in 0..<positions * kvHeads {
            let range = row * headSize..<(row + 1) * headSize
            let own = smoothing[row % kvHeads * headSize..<(row % kvHeads + 1) * headSize]
            let keyStep = zip(keys[range], own).map { abs($0 / $1) }.max()! / 127
            let valueStep = values[range].map { abs($0) }.max()! / 127
            for (index, factor) in zip(range, own) {
                #expect(abs(kept.keys[index] - keys[index]) <= 0.5001 * keyStep * factor)
                #expect(abs(kept.values[index] - values[index]) <= 0.5001 * valueStep)
            }
        }
    }

    @Test(arguments: [16, 8])
    func aCopyHoldsTheSame(bits: Int) {
        let (cache, _, _) = filledCache(bits, positions: 37, kvHeads: 2, headSize: 20)
        let other = TestCache(capacity: 90, kvHeads: 2, headSize: 20, bits: bits)
        other.layer.copy(from: cache.layer, positions: 21)
        let (own, copied) = (cache.layer.floats(positions: 21), other.layer.floats(positions: 21))
        #expect(own.keys == copied.keys && own.values == copied.values)
    }

    @Test(arguments: [16, 8])
    func averagesAreOfWhatIsKept(bits: Int) {
        let (cache, _, _) = filledCache(bits, positions: 60, kvHeads: 3, headSize: 12)
        let kept = cache.layer.floats(positions: 60)
        let mean = cache.layer.average(16..<53, pool: ThreadPool(threadCount: 1, instructionSet: .best))
        for row in 0..<37 {
            for index in 0..<12 {
                func average(_ all: [Float]) -> Float {
                    (0..<3).reduce(0) { $0 + all[((row + 16) * 3 + $1) * 12 + index] } / 3
                }
                let key = mean.keys[(row / 16 * 12 + index) * 16 + row % 16]
                #expect(abs(key - average(kept.keys)) < 1e-5)
                #expect(abs(mean.values[row * 12 + index] - average(kept.values)) < 1e-5)
            }
        }
        // Beyond the last position there is nothing.
        for index in 0..<12 { #expect(mean.keys[(2 * 12 + index) * 16 + 5] == 0) }
    }

    @Test func brokenNumbersReachTheResult() {
        for broken in [Float.nan, .infinity] {
            let cache = TestCache(capacity: 16, kvHeads: 1, headSize: 8, bits: 8)
            let pool = ThreadPool(threadCount: 1, instructionSet: .best)
            var keys = [Float](repeating: 1, count: 8)
            keys[3] = broken
            storeKV(keys: keys, values: keys, tokens: 1, firstPosition: 0, cache: cache.layer, pool: pool)
            let out = filled(8) {
                attention(
                    query: [Float](repeating: 1, count: 8), tokens: 1, firstPosition: 0, cache: cache.layer, heads: 1,
                    scale: 1, cap: 0, output: $0, pool: pool)
            }
            #expect(out.allSatisfy { !$0.isFinite })
        }
    }
}
