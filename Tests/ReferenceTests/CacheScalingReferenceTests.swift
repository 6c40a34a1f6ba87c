import Checkpoint
import Foundation
import Model
import Reference
import Storage
import Testing

/// Division by powers of two changes no logit, not even its last bit.
@Suite struct CacheScalingReferenceTests {
    private static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    private let tokens = [5, 17, 3, 88, 200, 41, 9, 77, 130, 66, 12, 250, 31, 4, 99, 18]

    private func logits(_ checkpoint: Checkpoint) throws -> [Float] {
        try ReferenceModel(checkpoint, residency: .streamed, threads: 2).logits(tokens)
    }

    /// v_proj times 2^18 and o_proj divided by it. The wanted logits are a float64 forward pass of the weights without those
    /// factors, in numpy.
    @Test func valuesBeyondHalfPrecision() throws {
        let checkpoint = try Checkpoint.open(Self.project + "/Tests/Cases/kv-half-overflow-v")
        let scaling = try CacheScaling(fitting: checkpoint)
        #expect(!scaling.isIdentity)
        let plain = try logits(checkpoint)
        #expect(try logits(checkpoint.scaled(by: scaling)) == plain)
        let wanted = try CaseFile.numbers(Self.project + "/Tests/Cases/kv-half-overflow-v/want-last-logits.txt")
        #expect(wanted.count == 256)
        #expect(zip(plain.suffix(256), wanted).allSatisfy { abs(Double($0) - $1) < 1e-4 })
    }

    /// Grouped queries and RoPE, with exponents of every kind.
    @Test func everyExponentIsTakenBack() throws {
        let checkpoint = try Checkpoint.open(Self.project + "/samples/tiny")
        let config = checkpoint.config
        let blocks = (0..<config.layerCount).map { layer in
            let keys = (0..<config.kvSize).map { channel in
                (channel / config.headSize * 7 + channel % (config.headSize / 2) * 3 + layer) % 41 - 20
            }
            return CacheScaling.Block(keys: keys, values: (0..<config.kvSize).map { ($0 * 5 + layer) % 37 - 18 })
        }
        let scaling = try CacheScaling(blocks: blocks, config: config, place: "test")
        #expect(config.headCount > config.kvHeadCount)
        #expect(try logits(checkpoint.scaled(by: scaling)) == logits(checkpoint))
    }

    /// Positions divided by 4, under the key of older GGUF files. The wanted logits are a float64 forward pass in numpy.
    @Test func theOldKeyOfLinearScalingCounts() throws {
        let folder = Self.project + "/Tests/Cases/gguf-rope-scale-linear"
        let checkpoint = try Checkpoint.open(folder + "/model.gguf")
        let last = try logits(checkpoint).suffix(checkpoint.config.vocabularySize)
        let wanted = try CaseFile.numbers(folder + "/want-last-logits.txt")
        #expect(wanted.count == last.count)
        #expect(zip(last, wanted).allSatisfy { abs(Double($0) - $1) < 1e-4 })
    }

    /// A norm's gain of 10^30 overflows single precision in the products.
    @Test func logitsThatAreNotFiniteAreAnError() throws {
        let checkpoint = try Checkpoint.open(Self.project + "/samples/tiny")
        let source = WeightSource(checkpoint).replacing { (name: String) throws(TaperError) -> [Float]? in
            name == "model.norm.weight" ? [Float](repeating: 3e38, count: checkpoint.config.hiddenSize) : nil
        }
        let model = try ReferenceModel(source, residency: .streamed, threads: 1)
        #expect(throws: TaperError(.badData, "")) { try model.logits(tokens) }
        #expect(throws: TaperError(.badData, "")) { try model.greedy([5, 6], maxNewTokens: 2, stop: []) }
        #expect(throws: TaperError(.badData, "")) { try model.sample([[5]], length: 4, seed: 1) }
    }
}

/// Expected numbers, one a line.
enum CaseFile {
    static func numbers(_ path: String) throws -> [Double] {
        String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
            .split(separator: "\n").map { Double($0) ?? .nan }
    }
}
