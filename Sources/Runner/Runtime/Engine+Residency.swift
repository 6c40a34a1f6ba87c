import Bundle
import Kernels
public import Model

// What steps at some precisions hold in memory of a mapped bundle, and giving back the rest.

extension TransformerWeights.Layer {
    /// Every run of memory that its matrices are read from.
    func parts(_ bits: BitAllocation.Layer) -> [UnsafeRawBufferPointer] {
        var parts: [UnsafeRawBufferPointer] = []
        func add(_ matrix: WeightMatrix, _ bits: Int) { matrix.eachPart(bits: bits) { parts.append($0) } }
        add(query.matrix, bits.query)
        add(key.matrix, bits.key)
        add(value.matrix, bits.value)
        add(attentionOutput.matrix, bits.attentionOutput)
        if let gate { add(gate.matrix, bits.gate) }
        add(up.matrix, bits.up)
        add(down.matrix, bits.down)
        return parts
    }
}

extension TransformerWeights {
    /// What steps at these precisions read of the bundle. Head and embedding count whole: few rows of them are read, but checksums are
    /// those of blocks, so most of them soon has been.
    func parts(_ precisions: [Precision]) -> ByteRanges {
        guard let bundle else { return ByteRanges([]) }
        var parts: [UnsafeRawBufferPointer] = []
        for bits in precisions {
            guard let allocation = try? allocation(bits) else { continue }
            for (layer, own) in zip(layers, allocation.layers) { parts += layer.parts(own) }
            head.matrix.eachPart(bits: allocation.others) { parts.append($0) }
            embedding.eachPart(bits: allocation.others) { parts.append($0) }
        }
        return bundle.ranges(of: parts)
    }
}

extension Engine {
    /// Bytes of matrices that are in memory when steps at these precisions have read them, each byte once.
    public func residentBytes(_ precisions: [Precision]) -> Int { weights.parts(precisions).byteCount }

    /// Gives back the pages of all weights that no step at these precisions reads. They are read from the file when they are needed
    /// again, and compared with their checksums then.
    public func keepOnly(_ precisions: [Precision]) {
        guard let bundle = weights.bundle else { return }
        let kept = weights.parts(precisions)
        checks?.forget(bundle.release(except: kept))
        bundle.hold(kept)
        checkedPrecisions.removeAll { !precisions.contains($0) }
        let heads = precisions.map { $0.roundedDown }
        checkedHeads.removeAll { !heads.contains($0) }
    }

    /// Bytes of memory for what is computed between a step's tokens and its logits.
    public var scratchBytes: Int { scratch.byteCount }
}

/// Reads what steps at a precision will read, a layer at a time and between other steps, so that none of them has to wait for all of
/// it. It is compared with its checksums on the way.
struct ReadAhead {
    let precisions: [Precision]
    private var layer = 0

    init(_ precisions: [Precision], _ engine: Engine) {
        self.precisions = precisions
        engine.weights.bundle?.hold(engine.weights.parts(precisions))
    }

    /// Goes on for about as many seconds; returns whether all has been read.
    mutating func proceed(_ engine: Engine, seconds: Double, clock: () -> Double) -> Bool {
        let start = clock()
        let weights = engine.weights
        while layer <= weights.layers.count {
            var parts: [UnsafeRawBufferPointer] = []
            for bits in precisions {
                guard let allocation = try? weights.allocation(bits) else { continue }
                if layer == weights.layers.count {
                    weights.head.matrix.eachPart(bits: allocation.others) { parts.append($0) }
                } else {
                    parts += weights.layers[layer].parts(allocation.layers[layer])
                }
            }
            if let checks = engine.checks {
                for part in parts { checks.expect(part) }
                // The step that uses it finds the damage, too, and ends with it.
                guard (try? checks.compare(engine.pool)) != nil else { return true }
            } else if let bundle = weights.bundle {
                bundle.populate(bundle.ranges(of: parts))
            }
            layer += 1
            if layer <= weights.layers.count && clock() - start >= seconds { return false }
        }
        return true
    }
}
