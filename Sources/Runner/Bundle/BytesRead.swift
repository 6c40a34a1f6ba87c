import Kernels
public import Model
public import Storage

// What a decode step reads of a bundle: the one count that runner, evaluation and reports go by. `WeightMatrix` counts a
// tensor in memory by the same formula.

extension TensorPlan {
    /// Bytes that a product with it reads where `bits` are asked for.
    public func bytesRead(bits: Int) -> Int {
        switch encoding {
        case .float: shape[0] * 4
        case .int8: WeightMatrix.bytesReadOfBytes(rows: shape[0], columns: shape[1])
        case .nested(_, let held):
            WeightMatrix.bytesRead(rows: shape[0], columns: shape[1], bits: held[BitWidth.index(of: bits, in: held)])
        }
    }
}

extension Manifest {
    /// Bytes of weights that decoding a token reads with every tensor at `bits`, or at what it has of them: the linear layers,
    /// the head, and one row of the embedding.
    public func bytesPerToken(bits: Int) -> Int { bytesPerToken(others: bits) { _ in bits } }

    /// The same of a rung; its embedding and head are read at the whole precision below.
    public func bytesPerToken(_ rung: Rung) -> Int {
        bytesPerToken(others: rung.precision.roundedDown) { rung.bits[$0] }
    }

    /// - Parameter linear: bits of a linear tensor, by its place among them.
    private func bytesPerToken(others: Int, linear: (Int) -> Int) -> Int {
        var total = 0
        var place = 0
        for tensor in tensors {
            if case .nested(Manifest.linearGroup, _) = tensor.encoding {
                total += tensor.bytesRead(bits: linear(place))
                place += 1
                continue
            }
            let isEmbedding = tensor.name == TensorName.embedding
            if isEmbedding {
                total += tensor.bytesRead(bits: others) / max(1, NestedLayout.paddedRows(tensor.shape[0]))
            }
            if tensor.name == TensorName.head || isEmbedding && model.tiedEmbeddings {
                total += tensor.bytesRead(bits: others)
            }
        }
        return total
    }
}

extension Bundle {
    /// Bytes of weights that decoding a token reads at a precision that the bundle serves; of a head with a screen what greedy
    /// decoding reads on average.
    public func bytesPerToken(bits: Precision) throws(TaperError) -> Int {
        var total = manifest.bytesPerToken(bits: bits.roundedDown)
        if let rung = try rungs().first(where: { $0.precision == bits }) { total = manifest.bytesPerToken(rung) }
        let head = try weights(manifest.model.headName)
        let whole = head.bytesRead(bits: bits.roundedDown)
        let screened = try headScreens().map { $0.expectedBytes(of: head, bits: bits.roundedDown, leading: 1) }.min()
        return total - whole + min(whole, screened ?? whole)
    }
}
