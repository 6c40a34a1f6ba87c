import Bundle
import Kernels
import Model
import Storage
import Testing

@Suite struct BytesReadTests {
    /// The manifest's plan of a tensor, and the matrix that products read, count the same at every precision.
    @Test(arguments: [[2, 3, 4, 6], [3], [2, 4, 16]])
    func plansCountWhatProductsRead(_ precisions: [Int]) throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle(precisions: precisions, embedding: [3, 5], tied: false)
            try tiny.write(to: folder + "/a.taper")
            let bundle = try Bundle(path: folder + "/a.taper")
            for tensor in bundle.manifest.tensors where tensor.shape.count == 2 {
                let matrix = try bundle.weights(tensor.name)
                for bits in 1...16 {
                    #expect(tensor.bytesRead(bits: bits) == matrix.bytesRead(bits: bits), "\(tensor.name) at \(bits)")
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func aTokenReadsLinearLayersHeadAndOneRowOfTheEmbedding(tied: Bool) throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle(precisions: [2, 3, 4], tied: tied)
            tiny.documents.append((SectionName.rungs, .array(TinyBundle.rungs.map(\.json))))
            try tiny.write(to: folder + "/a.taper")
            let bundle = try Bundle(path: folder + "/a.taper")
            let linear = try bundle.manifest.linearTensors.map { try bundle.weights($0.name) }
            let embedding = try bundle.weights(TensorName.embedding)
            let head = try bundle.weights(TensorName.head)
            for precision in try bundle.servedPrecisions() {
                let bits = try bundle.rungs().first { $0.precision == precision }?.bits
                let others = precision.roundedDown
                // Rows are stored padded, all of one size.
                let padded = NestedLayout.paddedRows(embedding.rows)
                var expected = head.bytesRead(bits: others) + embedding.bytesRead(bits: others) / padded
                for (index, matrix) in linear.enumerated() {
                    expected += matrix.bytesRead(bits: bits?[index] ?? others)
                }
                #expect(try bundle.bytesPerToken(bits: precision) == expected, "\(precision)")
            }
        }
    }
}
