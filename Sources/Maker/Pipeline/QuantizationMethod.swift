/// How the linear layers get their nested codes.
public enum QuantizationMethod: String, CaseIterable, Sendable {
    /// Codes and centroids of all precisions optimised together under the layer's input Hessian.
    case joint
    /// Weighted k-means at the seed precision, clusters split upwards and merged downwards.
    case kMeans = "k-means"
    /// The published algorithm (arXiv 2402.10517): k-means weighted by the diagonal Fisher information, clusters split.
    case anyPrecision = "any-precision"

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
