extension Array {
    /// Removes all elements and keeps the memory, for lists that are filled again and again. In the runner
    /// `removeAll(keepingCapacity:)` is 300 bytes of code for every type of element.
    public mutating func empty() { while !isEmpty { removeLast() } }
}
