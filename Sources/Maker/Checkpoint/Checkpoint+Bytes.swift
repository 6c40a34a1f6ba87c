import Model
import Storage

extension Checkpoint {
    /// Stored bytes of the tensors that decoding one token reads: every linear layer, norm and bias, the head, and one row
    /// of the embedding. What a program would read that computes from the file as it is; a program that unpacks the
    /// weights first reads more.
    public var bytesPerToken: Int {
        var total = 0
        for tensor in tensors {
            if tensor.name == TensorName.embedding {
                total += tensor.byteCount / max(1, tensor.shape.first ?? 1)
                if config.tiedEmbeddings { total += tensor.byteCount }
            } else {
                total += tensor.byteCount
            }
        }
        return total
    }

    /// Bytes of all files.
    public var storedByteCount: Int { metadata["file_bytes"]?.integer ?? 0 }
}
