import Storage

// llama.cpp's "K-quants": blocks of 256 elements in 8 or 16 groups, each with a small scale (and minimum) of its own that
// one or two half-precision numbers multiply; and the encodings with a table of 16 unevenly spaced values.
//
// Layouts and order of rounding are ggml's (`dequantize_row_*` of ggml-quants.c), so the numbers are the same bit for bit.
extension TensorEncoding {
    /// 84 bytes: 16 x (4-bit scale, 4-bit minimum), 64 bytes of 2-bit codes, f16 scale, f16 minimum.
    static func decodeQ2K(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 84 * block
            let (scale, minimum) = (floatFromHalf(bytes.word16(80)), floatFromHalf(bytes.word16(82)))
            for group in 0..<16 {
                let packed = bytes.byte(group)
                let (step, offset) = (scale * Float(packed & 15), minimum * Float(packed >> 4))
                let (first, shift) = (codeOffset(ofGroup: group), codeShift(ofGroup: group))
                let out = output + 256 * block + 16 * group
                for index in 0..<16 {
                    out[index] = step * Float(bytes.byte(16 + first + index) >> shift & 3) - offset
                }
            }
        }
    }

    /// 110 bytes: 32 bytes of third bits, 64 bytes of 2-bit codes, 12 bytes with 16 6-bit scales, f16 scale.
    static func decodeQ3K(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 110 * block
            let scale = floatFromHalf(bytes.word16(108))
            for group in 0..<16 {
                // Four low bits in one half of bytes 0 to 7, two high bits in a quarter of bytes 8 to 11.
                let low = group < 8 ? bytes.byte(96 + group) & 15 : bytes.byte(96 + group - 8) >> 4
                let high = bytes.byte(104 + group % 4) >> UInt8(2 * (group / 4)) & 3
                let step = scale * Float(Int32(low | high << 4) - 32)
                let (first, shift) = (codeOffset(ofGroup: group), codeShift(ofGroup: group))
                let out = output + 256 * block + 16 * group
                for index in 0..<16 {
                    let code = Int32(bytes.byte(32 + first + index) >> shift & 3)
                    // A third bit that is not set subtracts 4.
                    let isSet = bytes.byte(first % 32 + index) >> UInt8(group / 2) & 1 == 1
                    out[index] = step * Float(code - (isSet ? 0 : 4))
                }
            }
        }
    }

    /// 144 bytes: f16 scale, f16 minimum, 12 bytes with 8 x (6-bit scale, 6-bit minimum), 128 bytes of 4-bit codes.
    static func decodeQ4K(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 144 * block
            for group in 0..<8 {
                let (step, offset) = scaleAndMinimum(bytes, group)
                let out = output + 256 * block + 32 * group
                for index in 0..<32 {
                    let pair = bytes.byte(16 + group / 2 * 32 + index)
                    out[index] = step * Float(group % 2 == 0 ? pair & 15 : pair >> 4) - offset
                }
            }
        }
    }

    /// 176 bytes: scales and minima as in Q4_K, 32 bytes of fifth bits, 128 bytes of 4-bit codes.
    static func decodeQ5K(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 176 * block
            for group in 0..<8 {
                let (step, offset) = scaleAndMinimum(bytes, group)
                let out = output + 256 * block + 32 * group
                for index in 0..<32 {
                    let pair = bytes.byte(48 + group / 2 * 32 + index)
                    let fifth = bytes.byte(16 + index) >> UInt8(group) & 1
                    out[index] = step * Float((group % 2 == 0 ? pair & 15 : pair >> 4) | fifth << 4) - offset
                }
            }
        }
    }

    /// 210 bytes: 128 bytes of low halves, 64 bytes of two high bits, 16 signed scales, f16 scale; codes biased by 32.
    static func decodeQ6K(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 210 * block
            let scale = floatFromHalf(bytes.word16(208))
            for group in 0..<16 {
                let step = scale * Float(Int8(bitPattern: bytes.byte(192 + group)))
                // Each half of the block is four runs of 32: low halves of 64 bytes, then their high halves.
                let (half, run, place) = (group / 8, group % 8 / 2, group % 2 * 16)
                let out = output + 256 * block + 16 * group
                for index in 0..<16 {
                    let pair = bytes.byte(64 * half + run % 2 * 32 + place + index)
                    let low = run < 2 ? pair & 15 : pair >> 4
                    let high = bytes.byte(128 + 32 * half + place + index) >> UInt8(2 * run) & 3
                    out[index] = step * Float(Int32(low | high << 4) - 32)
                }
            }
        }
    }

    /// 18 bytes: f16 scale; byte i holds the table indices of elements i (low half) and i + 16 (high half).
    static func decodeIQ4NL(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 18 * block
            lookUp(bytes + 2, step: floatFromHalf(bytes.word16(0)), into: output + 32 * block)
        }
    }

    /// 136 bytes: f16 scale, 8 x 6-bit scales (two high bits in 2 bytes, four low ones in 4), 128 bytes of table indices.
    static func decodeIQ4XS(_ source: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>) {
        for block in 0..<blocks {
            let bytes = source + 136 * block
            let scale = floatFromHalf(bytes.word16(0))
            let high = bytes.word16(2)
            for group in 0..<8 {
                let low = UInt16(bytes.byte(4 + group / 2) >> UInt8(4 * (group % 2)) & 15)
                let step = scale * Float(Int32(low | (high >> UInt16(2 * group) & 3) << 4) - 32)
                lookUp(bytes + 8 + 16 * group, step: step, into: output + 256 * block + 32 * group)
            }
        }
    }

    /// ggml's `kvalues_iq4nl`.
    private static let table: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    private static func lookUp(_ codes: UnsafeRawPointer, step: Float, into out: UnsafeMutablePointer<Float>) {
        for index in 0..<16 {
            let pair = Int(codes.byte(index))
            out[index] = step * table[pair & 15]
            out[index + 16] = step * table[pair >> 4]
        }
    }

    /// Groups of 16 with 2-bit codes: 32 bytes hold 128 elements, a quarter of each byte per run of 32.
    private static func codeOffset(ofGroup group: Int) -> Int { group / 8 * 32 + group % 2 * 16 }
    private static func codeShift(ofGroup group: Int) -> UInt8 { UInt8(group % 8 / 2 * 2) }

    /// The products of a group's 6-bit scale and minimum with the block's, which Q4_K and Q5_K keep in bytes 0 to 15.
    private static func scaleAndMinimum(_ bytes: UnsafeRawPointer, _ group: Int) -> (Float, Float) {
        let (scale, minimum) = (floatFromHalf(bytes.word16(0)), floatFromHalf(bytes.word16(2)))
        let packed = bytes + 4
        let (step, offset): (UInt8, UInt8)
        if group < 4 {
            (step, offset) = (packed.byte(group) & 63, packed.byte(group + 4) & 63)
        } else {
            step = packed.byte(group + 4) & 15 | (packed.byte(group - 4) >> 6) << 4
            offset = packed.byte(group + 4) >> 4 | (packed.byte(group) >> 6) << 4
        }
        return (scale * Float(step), minimum * Float(offset))
    }
}
