/// What a step tells about one tensor; the memory is valid during the call.
public struct TensorGradient {
    /// Canonical name.
    public let name: String
    /// Gradient of the loss, row-major in the tensor's shape; empty unless it was wanted. May be overwritten.
    public let values: UnsafeMutableBufferPointer<Float>
    /// Of a linear layer: x [tokens, columns] and the gradient of y = x W^T + b, [tokens, rows]; otherwise empty.
    public let input: UnsafeBufferPointer<Float>
    public let outputGradient: UnsafeBufferPointer<Float>

    init(
        _ name: String, _ values: UnsafeMutableBufferPointer<Float>,
        input: UnsafeBufferPointer<Float> = .init(start: nil, count: 0),
        outputGradient: UnsafeBufferPointer<Float> = .init(start: nil, count: 0)
    ) {
        self.name = name
        self.values = values
        self.input = input
        self.outputGradient = outputGradient
    }
}
