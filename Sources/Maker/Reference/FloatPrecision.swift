internal import COneDNN

/// What the factors of the float model's products are rounded to; sums, and all that is not a product, are in single precision.
public enum FloatPrecision: Sendable {
    /// Not at all.
    case single
    /// To bfloat16, whose products oneDNN leaves to the processor's units for them: several times as fast. For passes whose
    /// results are means over a text, such as Hessians and gradients; what quality is measured against stays in `single`.
    case bfloat16

    /// `bfloat16` where the processor multiplies such numbers and oneDNN is installed.
    public static var fastest: FloatPrecision { od_load() == 0 ? .bfloat16 : .single }

    /// Of a weight as products read it.
    public var bytesPerWeight: Int { self == .single ? 4 : 2 }
}
