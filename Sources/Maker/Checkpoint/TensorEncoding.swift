/// How a tensor's elements lie in its file: blocks of `blockElements` consecutive elements in `blockByteCount` bytes.
struct TensorEncoding: Sendable {
    /// The encodings that can be read as numbers.
    enum Decoder: Sendable {
        case f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1
        // Blocks of 256 with scales of scales, and tables of 16 values: `TensorEncoding+SuperBlocks.swift`.
        case q2_K, q3_K, q4_K, q5_K, q6_K, iq4_NL, iq4_XS
    }

    /// The encodings that can be read, for messages.
    static let readable = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL or IQ4_XS"

    /// The name the format's own documents use: "BF16", "Q4_1".
    let name: String
    let blockElements: Int
    let blockByteCount: Int
    /// Nil for encodings that are only recognised, so that files holding them can be listed.
    let decoder: Decoder?

    init(_ name: String, _ blockElements: Int, _ blockByteCount: Int, _ decoder: Decoder? = nil) {
        self.name = name
        self.blockElements = blockElements
        self.blockByteCount = blockByteCount
        self.decoder = decoder
    }

    /// Bytes of `elementCount` elements; nil when they do not fill whole blocks or the count overflows.
    func byteCount(elementCount: Int) -> Int? {
        guard elementCount >= 0, elementCount % blockElements == 0 else { return nil }
        let (bytes, overflow) = (elementCount / blockElements).multipliedReportingOverflow(by: blockByteCount)
        return overflow ? nil : bytes
    }

    /// Element types of the safetensors format.
    static func safetensors(_ name: String) -> TensorEncoding? {
        switch name {
        case "BF16": bf16
        case "F16": f16
        case "F32": f32
        default: safetensorsTypes[name]
        }
    }

    private static let f32 = TensorEncoding("F32", 1, 4, .f32)
    private static let f16 = TensorEncoding("F16", 1, 2, .f16)
    private static let bf16 = TensorEncoding("BF16", 1, 2, .bf16)

    private static let safetensorsTypes: [String: TensorEncoding] = {
        let all = [
            TensorEncoding("F64", 1, 8), TensorEncoding("BOOL", 1, 1), TensorEncoding("U8", 1, 1),
            TensorEncoding("I8", 1, 1), TensorEncoding("U16", 1, 2), TensorEncoding("I16", 1, 2),
            TensorEncoding("U32", 1, 4), TensorEncoding("I32", 1, 4), TensorEncoding("U64", 1, 8),
            TensorEncoding("I64", 1, 8), TensorEncoding("C64", 1, 8), TensorEncoding("F8_E4M3", 1, 1),
            TensorEncoding("F8_E5M2", 1, 1), TensorEncoding("F8_E8M0", 1, 1), TensorEncoding("F4", 2, 1),
            TensorEncoding("F6_E2M3", 4, 3), TensorEncoding("F6_E3M2", 4, 3),
        ]
        return Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }()

    /// Tensor types of GGUF by their number in the file; nil for numbers that are unknown or were withdrawn.
    static func gguf(_ type: UInt32) -> TensorEncoding? { ggufTypes[type] }

    private static let ggufTypes: [UInt32: TensorEncoding] = [
        0: f32, 1: f16,
        2: TensorEncoding("Q4_0", 32, 18, .q4_0), 3: TensorEncoding("Q4_1", 32, 20, .q4_1),
        6: TensorEncoding("Q5_0", 32, 22, .q5_0), 7: TensorEncoding("Q5_1", 32, 24, .q5_1),
        8: TensorEncoding("Q8_0", 32, 34, .q8_0), 9: TensorEncoding("Q8_1", 32, 40),
        10: TensorEncoding("Q2_K", 256, 84, .q2_K), 11: TensorEncoding("Q3_K", 256, 110, .q3_K),
        12: TensorEncoding("Q4_K", 256, 144, .q4_K), 13: TensorEncoding("Q5_K", 256, 176, .q5_K),
        14: TensorEncoding("Q6_K", 256, 210, .q6_K), 15: TensorEncoding("Q8_K", 256, 292),
        16: TensorEncoding("IQ2_XXS", 256, 66), 17: TensorEncoding("IQ2_XS", 256, 74),
        18: TensorEncoding("IQ3_XXS", 256, 98), 19: TensorEncoding("IQ1_S", 256, 50),
        20: TensorEncoding("IQ4_NL", 32, 18, .iq4_NL), 21: TensorEncoding("IQ3_S", 256, 110),
        22: TensorEncoding("IQ2_S", 256, 82), 23: TensorEncoding("IQ4_XS", 256, 136, .iq4_XS),
        24: TensorEncoding("I8", 1, 1), 25: TensorEncoding("I16", 1, 2), 26: TensorEncoding("I32", 1, 4),
        27: TensorEncoding("I64", 1, 8), 28: TensorEncoding("F64", 1, 8), 29: TensorEncoding("IQ1_M", 256, 56),
        30: bf16, 34: TensorEncoding("TQ1_0", 256, 54),
        35: TensorEncoding("TQ2_0", 256, 66), 39: TensorEncoding("MXFP4", 32, 17),
    ]
}
