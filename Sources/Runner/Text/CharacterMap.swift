/// A string for some characters: how the bundle carries lower-casing, compatibility forms, and what else looks at one character
/// at a time, so that the runner needs no tables of its own.
struct CharacterMap: Equatable {
    /// Ascending.
    let scalars: [UInt32]
    /// UTF-8 of the string for scalar i at text[offsets[i] ..< offsets[i + 1]].
    let offsets: [UInt32]
    let text: [UInt8]

    init(scalars: [UInt32], offsets: [UInt32], text: [UInt8]) {
        self.scalars = scalars
        self.offsets = offsets
        self.text = text
    }

    /// - Parameter entries: ascending by scalar.
    init(_ entries: [(scalar: UInt32, text: [UInt8])]) {
        var offsets: [UInt32] = [0]
        var text: [UInt8] = []
        for entry in entries {
            text += entry.text
            offsets.append(UInt32(text.count))
        }
        self.init(scalars: entries.map { $0.scalar }, offsets: offsets, text: text)
    }

    func index(of scalar: UInt32) -> Int? {
        var low = 0
        var high = scalars.count
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        return low < scalars.count && scalars[low] == scalar ? low : nil
    }

    func apply(to bytes: [UInt8]) -> [UInt8] {
        guard let lowest = scalars.first else { return bytes }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let width = UTF8.width(scalar)
            if scalar.value >= lowest, let found = index(of: scalar.value) {
                out += text[Int(offsets[found])..<Int(offsets[found + 1])]
            } else {
                out += bytes[at..<at + width]
            }
            at += width
        }
        return out
    }
}
