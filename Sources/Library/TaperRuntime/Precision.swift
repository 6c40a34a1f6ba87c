package import Model

/// A precision that a bundle serves: bits per weight of the linear layers. A whole number, or a rung between two of them, such as
/// 3.5, an average over the layers.
public struct Precision: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    LosslessStringConvertible
{
    let inner: Model.Precision

    /// Bits, to a hundredth: `Precision(3.5)`.
    public init(_ bits: Double) {
        // Out of this range no bundle serves anything, and the conversion is exact.
        inner = Model.Precision(hundredths: bits >= 0 && bits <= 100 ? Int((bits * 100).rounded()) : 0)
    }

    public init(integerLiteral bits: Int) { self.init(Double(bits)) }
    public init(floatLiteral bits: Double) { self.init(bits) }

    /// "4" or "3.5"; nil for anything else.
    public init?(_ text: String) {
        guard let inner = Model.Precision(text: text) else { return nil }
        self.inner = inner
    }

    package init(_ inner: Model.Precision) { self.inner = inner }
    package var forModules: Model.Precision { inner }

    public var bits: Double { inner.bits }
    public var description: String { inner.text }

    public static func < (left: Precision, right: Precision) -> Bool { left.inner < right.inner }
}
