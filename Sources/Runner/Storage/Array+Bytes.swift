extension Array {
    /// Lends the elements' bytes to a body that throws `TaperError`: the library's own method only rethrows `any Error`.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws(TaperError) -> R) throws(TaperError) -> R {
        let result: Result<R, TaperError> = withUnsafeBytes { raw in
            do throws(TaperError) {
                return .success(try body(raw))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
