internal import CPlatform

/// XXH64 of a byte range: finds accidents, not attackers.
public func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    tp_xxh64(bytes.baseAddress, bytes.count, seed)
}

public func checksum(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
    bytes.withUnsafeBytes { checksum($0, seed: seed) }
}
