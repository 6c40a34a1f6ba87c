/// Byte strings with a value each, for finding all that a text has at one place: nodes linked by an open-addressing table, so that
/// building takes time linear in the strings.
struct TokenTrie {
    /// Node times 256 plus byte of each link; zero is empty, for the links of the root stand elsewhere.
    private var keys: [UInt64]
    private var children: [UInt32]
    private var linkCount = 0
    /// Value of the string that ends at each node, -1 for none. Node 0 is the root.
    private var values: [Int32] = [-1]
    /// Links of the root, zero for none.
    private var first = [UInt32](repeating: 0, count: 256)

    init(byteCount: Int = 0) {
        var size = 64
        while size < byteCount { size *= 2 }
        keys = [UInt64](repeating: 0, count: size)
        children = [UInt32](repeating: 0, count: size)
    }

    var isEmpty: Bool { values.count == 1 }

    /// Adds a string of at least one byte.
    /// - Parameter replacing: of two equal strings the later one counts.
    mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int, replacing: Bool) {
        if bytes.isEmpty { return }
        var node = 0
        for byte in bytes {
            if let next = child(of: node, byte) {
                node = next
            } else {
                let next = values.count
                values.append(-1)
                link(node, byte, next)
                node = next
            }
        }
        if replacing || values[node] < 0 { values[node] = Int32(value) }
    }

    /// The node that a byte leads to; node 0 is the empty string.
    func child(of node: Int, _ byte: UInt8) -> Int? {
        if node == 0 {
            let next = first[Int(byte)]
            return next == 0 ? nil : Int(next)
        }
        let key = UInt64(node) << 8 | UInt64(byte)
        var slot = TokenTrie.slot(key, keys.count)
        while keys[slot] != 0 {
            if keys[slot] == key { return Int(children[slot]) }
            slot = (slot + 1) & (keys.count - 1)
        }
        return nil
    }

    /// The value of the string that ends at a node.
    func value(at node: Int) -> Int? { values[node] < 0 ? nil : Int(values[node]) }

    /// The value of exactly these bytes.
    func value(of bytes: ArraySlice<UInt8>) -> Int? {
        var node = 0
        for byte in bytes {
            guard let next = child(of: node, byte) else { return nil }
            node = next
        }
        return value(at: node)
    }

    /// The longest string that the bytes have at a place.
    func longest(_ bytes: [UInt8], at start: Int) -> (value: Int, end: Int)? {
        var node = 0
        var at = start
        var best: (value: Int, end: Int)?
        while at < bytes.count, let next = child(of: node, bytes[at]) {
            at += 1
            node = next
            if let value = value(at: node) { best = (value, at) }
        }
        return best
    }

    private mutating func link(_ node: Int, _ byte: UInt8, _ next: Int) {
        if node == 0 {
            first[Int(byte)] = UInt32(next)
            return
        }
        if (linkCount + 1) * 2 > keys.count { grow() }
        linkCount += 1
        place(UInt64(node) << 8 | UInt64(byte), UInt32(next))
    }

    private mutating func place(_ key: UInt64, _ child: UInt32) {
        var slot = TokenTrie.slot(key, keys.count)
        while keys[slot] != 0 { slot = (slot + 1) & (keys.count - 1) }
        keys[slot] = key
        children[slot] = child
    }

    private mutating func grow() {
        let (oldKeys, oldChildren) = (keys, children)
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        children = [UInt32](repeating: 0, count: oldKeys.count * 2)
        for (index, key) in oldKeys.enumerated() where key != 0 { place(key, oldChildren[index]) }
    }

    private static func slot(_ key: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: ((key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15) >> 24) & (count - 1)
    }
}
