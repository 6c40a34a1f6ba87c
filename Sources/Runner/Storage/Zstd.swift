internal import CZstd

/// zstd frames with a content size and a checksum, the only kind Taper reads and writes.
public enum Zstd {
    /// Compresses deterministically: one frame, content size and checksum in it.
    public static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32 = 19) throws(TaperError) -> [UInt8] {
        guard let context = ZSTD_createCCtx() else { throw TaperError(.internalFault, "zstd: out of memory") }
        defer { ZSTD_freeCCtx(context) }
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        var result = 0
        let out = [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, count in
            result = ZSTD_compress2(context, buffer.baseAddress, buffer.count, bytes.baseAddress, bytes.count)
            count = ZSTD_isError(result) != 0 ? 0 : result
        }
        guard ZSTD_isError(result) == 0 else {
            throw TaperError(.internalFault, "zstd: " + String(cString: ZSTD_getErrorName(result)))
        }
        return out
    }

    public static func compress(_ bytes: [UInt8], level: Int32 = 19) throws(TaperError) -> [UInt8] {
        try bytes.withBytes { raw throws(TaperError) in try compress(raw, level: level) }
    }

    /// Decompresses exactly one frame whose declared size must equal `byteCount`; nothing is allocated before that check.
    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, byteCount: Int, place: String
    ) throws(TaperError) -> [UInt8] {
        // The formats before zstd 1.0 and skippable frames have other magic numbers; libzstd might decode them.
        guard bytes.count >= 4, UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == 0xfd2f_b528 else {
            throw TaperError(.badData, "not a zstd frame", at: place, expected: "the magic number 28 b5 2f fd")
        }
        // ZSTD_CONTENTSIZE_UNKNOWN and _ERROR are the two largest values.
        let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        guard declared == UInt64(byteCount) else {
            throw TaperError(
                .badData, "the zstd frame declares another size", at: place, expected: String(byteCount) + " bytes",
                found: declared >= UInt64.max - 1 ? "none" : String(declared) + " bytes")
        }
        guard ZSTD_getDictID_fromFrame(bytes.baseAddress, bytes.count) == 0 else {
            throw TaperError(.badData, "the zstd frame asks for a dictionary", at: place)
        }
        guard ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count) == bytes.count else {
            throw TaperError(.badData, "bytes after the zstd frame, or the frame is cut short", at: place)
        }
        try Memory.require(byteCount, for: "unpacking " + place)
        var result = 0
        let out = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            result = ZSTD_decompress(buffer.baseAddress, buffer.count, bytes.baseAddress, bytes.count)
            count = ZSTD_isError(result) != 0 ? 0 : result
        }
        guard ZSTD_isError(result) == 0, out.count == byteCount else {
            let name = ZSTD_isError(result) != 0 ? String(cString: ZSTD_getErrorName(result)) : "wrong size"
            throw TaperError(.badData, "damaged zstd frame: " + name, at: place)
        }
        return out
    }
}
