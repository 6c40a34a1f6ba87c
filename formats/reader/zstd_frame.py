"""One zstd frame, under the rules of `bundle.md`: content size stated and expected, no dictionary, nothing behind it.

The system's libzstd decompresses; it checks the frame's content checksum where there is one."""

import ctypes

from refusal import demand

MAGIC = bytes.fromhex("28b52ffd")
_library = None


def library():
    """libzstd with the types of the functions used here."""
    global _library
    if _library is None:
        try:
            _library = ctypes.CDLL("libzstd.so.1")
        except OSError as error:
            raise SystemExit(f"error: {error}. Install the package libzstd1") from None
        pointer, size = ctypes.c_char_p, ctypes.c_size_t
        for name, result, arguments in [
            ("ZSTD_getFrameContentSize", ctypes.c_ulonglong, [pointer, size]),
            ("ZSTD_getDictID_fromFrame", ctypes.c_uint, [pointer, size]),
            ("ZSTD_findFrameCompressedSize", size, [pointer, size]),
            ("ZSTD_decompress", size, [pointer, size, pointer, size]),
            ("ZSTD_isError", ctypes.c_uint, [size]),
        ]:
            function = getattr(_library, name)
            function.restype, function.argtypes = result, arguments
    return _library


def unpack(frame, expected, place):
    """The content, which has `expected` bytes: compared with the frame's header before anything is allocated."""
    zstd, length = library(), len(frame)
    demand(frame[:4] == MAGIC, place, "no zstd frame")
    # Without a content size libzstd answers 2^64 - 1, for a damaged header 2^64 - 2.
    size = zstd.ZSTD_getFrameContentSize(frame, length)
    demand(size == expected, place, f"the frame's content size is not the unpacked length {expected}")
    demand(zstd.ZSTD_getDictID_fromFrame(frame, length) == 0, place, "the frame needs a dictionary")
    demand(zstd.ZSTD_findFrameCompressedSize(frame, length) == length, place, "not exactly one whole frame")
    content = ctypes.create_string_buffer(max(1, expected))
    done = zstd.ZSTD_decompress(content, expected, frame, length)
    demand(not zstd.ZSTD_isError(done) and done == expected, place, "the frame is damaged")
    return content.raw[:expected]
