import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Caches of bytes beside those of half precision.
@Suite struct KeyValueCacheTests {
    static let text = (0..<70).map { $0 * 29 % 131 }

    private func logits(_ tiny: TinyBundle, cacheBits: Int, threads: Int = 1, step: Int = 70) throws -> [[Float]] {
        let single = try SingleSequence(
            bundle: tiny.bundle, contextLength: 80, pool: .make(threads), cacheBits: cacheBits)
        var all: [[Float]] = []
        for start in stride(from: 0, to: 70, by: step) {
            let part = Array(Self.text[start..<min(70, start + step)])
            try single.readAll(part, bits: 6) { all.append(Array($1)) }
        }
        return all
    }

    private func distance(_ a: [[Float]], _ b: [[Float]]) -> Float {
        var (squares, all): (Float, Float) = (0, 0)
        for (row, other) in zip(a, b) {
            for (x, y) in zip(row, other) {
                squares += (x - y) * (x - y)
                all += y * y
            }
        }
        return (squares / all).squareRoot()
    }

    @Test(arguments: TinyModels.all) func bytesComeCloseToHalfPrecision(_ config: ModelConfig) throws {
        let tiny = try TinyBundle(config)
        let (bytes, halves) = (try logits(tiny, cacheBits: 8), try logits(tiny, cacheBits: 16))
        let difference = distance(bytes, halves)
        #expect(difference > 0 && difference < 0.05, "\(config.family): \(difference)")
    }

    @Test func bytesGiveTheSameHoweverTokensAreRead() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let whole = try logits(tiny, cacheBits: 8)
        for (threads, step) in [(1, 1), (2, 7), (3, 70)] {
            #expect(try logits(tiny, cacheBits: 8, threads: threads, step: step) == whole)
        }
    }

    @Test func aTwinOfBytesContinuesAsTheFirst() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 80, pool: .make(2), cacheBits: 8)
        try single.read(Array(Self.text.prefix(40)), bits: 4)
        let twin = try single.engine.makeTwin(of: single.sequence)
        let first = Array(try single.read([5, 9], bits: 4))
        #expect(Array(try single.engine.read([5, 9], into: twin, bits: 4)) == first)
    }

    @Test func bytesTakeHalfTheMemoryAndAScale() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let config = tiny.bundle.manifest.model
        let engines = try [16, 8].map {
            try Engine(
                try TransformerWeights(tiny.bundle), contextLength: 8, pool: .make(1), cacheBits: $0)
        }
        let padded = roundedUp(config.headSize, to: 4) + roundedUp(config.headSize, to: 16)
        #expect(engines[0].cacheBytesPerToken == config.layerCount * config.kvSize * 4)
        #expect(engines[1].cacheBytesPerToken == config.layerCount * config.kvHeadCount * (padded + 8))
        #expect(engines[1].cacheBytes(at: 3) == 3 * engines[1].cacheBytesPerToken)
        #expect(throws: TaperError(.usage, "")) {
            try Engine(try TransformerWeights(tiny.bundle), contextLength: 8, pool: .make(1), cacheBits: 12)
        }
    }

    @Test func keysAreScaledByFactorsAndTheirInverse() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let weights = try TransformerWeights(tiny.bundle)
        let engine = try Engine(weights, contextLength: 8, pool: .make(1), cacheBits: 8)
        let config = tiny.bundle.manifest.model
        let smoothing = try #require(engine.keySmoothing)
        #expect(smoothing.count == config.layerCount)
        for layer in smoothing {
            #expect(layer.count == config.kvHeadCount * 2 * config.headSize)
            for head in 0..<config.kvHeadCount {
                for index in 0..<config.headSize {
                    let at = head * 2 * config.headSize + index
                    #expect(layer[at] > 0 && abs(layer[at] * layer[at + config.headSize] - 1) < 1e-6)
                }
            }
        }
    }
}
