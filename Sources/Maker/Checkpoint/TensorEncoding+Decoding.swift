import Storage

extension TensorEncoding.Decoder {
    /// Decodes `elementCount` elements (whole blocks) from `source` into `output`, in order.
    ///
    /// Block layouts are ggml's. Products and sums are rounded separately in float32, as its reference code has them,
    /// so that the numbers are the same bit for bit.
    func decode(_ source: UnsafeRawPointer, elementCount: Int, into output: UnsafeMutablePointer<Float>) {
        switch self {
        case .f32:
            for index in 0..<elementCount {
                output[index] = Float(bitPattern: source.word32(4 * index))
            }
        case .f16:
            for index in 0..<elementCount { output[index] = floatFromHalf(source.word16(2 * index)) }
        case .bf16:
            for index in 0..<elementCount { output[index] = floatFromBFloat16(source.word16(2 * index)) }
        case .q8_0:
            // f16 scale, 32 signed bytes.
            for block in 0..<elementCount / 32 {
                let bytes = source + 34 * block
                let scale = floatFromHalf(bytes.word16(0))
                let out = output + 32 * block
                for index in 0..<32 {
                    out[index] = scale * Float(Int8(bitPattern: bytes.byte(2 + index)))
                }
            }
        case .q4_0:
            // f16 scale; byte i holds elements i (low half) and i + 16 (high half), biased by 8.
            for block in 0..<elementCount / 32 {
                let bytes = source + 18 * block
                let scale = floatFromHalf(bytes.word16(0))
                let out = output + 32 * block
                for index in 0..<16 {
                    let pair = Int32(bytes.byte(2 + index))
                    out[index] = scale * Float((pair & 15) - 8)
                    out[index + 16] = scale * Float((pair >> 4) - 8)
                }
            }
        case .q4_1:
            // f16 scale, f16 minimum, halves as in Q4_0 without bias.
            for block in 0..<elementCount / 32 {
                let bytes = source + 20 * block
                let scale = floatFromHalf(bytes.word16(0))
                let minimum = floatFromHalf(bytes.word16(2))
                let out = output + 32 * block
                for index in 0..<16 {
                    let pair = Int32(bytes.byte(4 + index))
                    out[index] = scale * Float(pair & 15) + minimum
                    out[index + 16] = scale * Float(pair >> 4) + minimum
                }
            }
        case .q5_0:
            // f16 scale, 32 fifth bits (bit i belongs to element i), halves as in Q4_0; biased by 16.
            for block in 0..<elementCount / 32 {
                let bytes = source + 22 * block
                let scale = floatFromHalf(bytes.word16(0))
                let fifth = bytes.word32(2)
                let out = output + 32 * block
                for index in 0..<16 {
                    let pair = UInt32(bytes.byte(6 + index))
                    let low = pair & 15 | (fifth >> UInt32(index) & 1) << 4
                    let high = pair >> 4 | (fifth >> UInt32(index + 16) & 1) << 4
                    out[index] = scale * Float(Int32(low) - 16)
                    out[index + 16] = scale * Float(Int32(high) - 16)
                }
            }
        case .q5_1:
            // f16 scale, f16 minimum, 32 fifth bits, halves.
            for block in 0..<elementCount / 32 {
                let bytes = source + 24 * block
                let scale = floatFromHalf(bytes.word16(0))
                let minimum = floatFromHalf(bytes.word16(2))
                let fifth = bytes.word32(4)
                let out = output + 32 * block
                for index in 0..<16 {
                    let pair = UInt32(bytes.byte(8 + index))
                    let low = pair & 15 | (fifth >> UInt32(index) & 1) << 4
                    let high = pair >> 4 | (fifth >> UInt32(index + 16) & 1) << 4
                    out[index] = scale * Float(low) + minimum
                    out[index + 16] = scale * Float(high) + minimum
                }
            }
        case .q2_K: TensorEncoding.decodeQ2K(source, blocks: elementCount / 256, into: output)
        case .q3_K: TensorEncoding.decodeQ3K(source, blocks: elementCount / 256, into: output)
        case .q4_K: TensorEncoding.decodeQ4K(source, blocks: elementCount / 256, into: output)
        case .q5_K: TensorEncoding.decodeQ5K(source, blocks: elementCount / 256, into: output)
        case .q6_K: TensorEncoding.decodeQ6K(source, blocks: elementCount / 256, into: output)
        case .iq4_NL: TensorEncoding.decodeIQ4NL(source, blocks: elementCount / 32, into: output)
        case .iq4_XS: TensorEncoding.decodeIQ4XS(source, blocks: elementCount / 256, into: output)
        }
    }
}

extension UnsafeRawPointer {
    func byte(_ offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }
    func word16(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    func word32(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
