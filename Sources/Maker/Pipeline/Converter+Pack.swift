import Bundle
import Checkpoint
import Kernels
import Model
import Quantization
import Storage

extension Converter {
    /// Puts the quantized tensors into one bundle in the work folder, a tensor at a time: its path.
    func pack(_ keys: StageKeys, _ tensors: [StoredTensor]) throws(TaperError) -> String {
        progress.begin("pack")
        let key = keys.packed
        if !options.restart, work.isSealed("bundle", key) {
            reused += 1
            progress.end("reused")
            return work.filePath("bundle", key)
        }
        var documents = inputs.pack.documents
        if let channelOrder { documents.append((SectionName.channels, channelOrder.json)) }
        if let cacheScaling { documents.append((SectionName.powers, cacheScaling.json)) }
        let path = work.place("bundle", key)
        let writer = try BundleWriter(
            path: path, replacing: true, manifest: inputs.pack.manifest, tokenizer: inputs.pack.tokenizer,
            documents: documents)
        for (index, (tensor, requirement)) in zip(tensors, checkpoint.config.tensorRequirements()).enumerated() {
            try Interrupt.check("Run the same command again to go on")
            switch tensor.encoding {
            case .vector: try writer.add(vector: try checkpoint.read(tensor.name), name: tensor.name)
            case .int8: try writer.add(try PackedInt8(workBytes: try bytes(of: tensor)))
            case .nested:
                try writer.add(try PackedMatrix(workBytes: try bytes(of: tensor)))
                // Rounding is as quick as reading it back would be, so it is not kept in the work folder.
                if requirement.isLinear, recipe.holdsHalf {
                    try writer.add(
                        try roundToHalf(
                            name: tensor.name, weights: try checkpoint.read(tensor.name), rows: requirement.shape[0],
                            columns: requirement.shape[1], pool: pool))
                }
            }
            progress.update(
                Double(index + 1) / Double(tensors.count), TensorName.place(tensor.name, of: checkpoint.config))
        }
        try writer.finish()
        try work.seal("bundle", key)
        made += 1
        progress.end(byteText(FileStatus(path: path)?.byteCount ?? 0))
        return path
    }

    func bytes(of tensor: StoredTensor) throws(TaperError) -> [UInt8] {
        guard let bytes = work.load("tensor", tensor.key) else {
            throw TaperError(
                .inputOutput, "the stored tensor is gone or damaged", at: work.filePath("tensor", tensor.key),
                remedy: "Run again with \(field("restart"))")
        }
        return bytes
    }
}
