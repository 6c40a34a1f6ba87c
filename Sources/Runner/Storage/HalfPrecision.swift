/// IEEE 754 binary16 bits to Float, exactly. Written out because `Float16` arithmetic needs compiler-rt calls on x86.
@inlinable
public func floatFromHalf(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7fff)
    if magnitude >= 0x7c00 { return Float(bitPattern: sign | 0x7f80_0000 | (magnitude & 0x3ff) << 13) }
    if magnitude >= 0x400 { return Float(bitPattern: sign | (magnitude << 13) + 0x3800_0000) }
    // Subnormal: magnitude * 2^-24.
    let value = Float(magnitude) * 0x1p-24
    return sign == 0 ? value : -value
}

/// Float to IEEE 754 binary16 bits, round to nearest even; overflow becomes infinity.
@inlinable
public func halfFromFloat(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(bits >> 16 & 0x8000)
    let magnitude = bits & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    if magnitude >= 0x477f_f000 { return sign | 0x7c00 }
    if magnitude < 0x3880_0000 {
        // Adding 0.5 * 2^-13 aligns the subnormal's last bit with the float's, so the hardware rounds for us.
        let aligned = Float(bitPattern: magnitude) + 0.5
        return sign | UInt16(truncatingIfNeeded: aligned.bitPattern &- 0x3f00_0000)
    }
    let rounded = magnitude &+ 0xfff &+ (magnitude >> 13 & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
}

/// bfloat16 bits to Float, exactly.
@inlinable
public func floatFromBFloat16(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
