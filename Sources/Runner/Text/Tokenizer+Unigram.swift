import Storage

extension Tokenizer {
    /// The best way to one place of a word.
    private struct Node {
        var score: Double
        /// Where its last piece starts; -1 when no way leads here.
        var start: Int32
        var id: Int32
    }

    /// The pieces with the largest sum of scores (Kudo 2018, equation 3; Viterbi's algorithm). Of equal sums the first found
    /// counts: the one whose last piece starts earliest.
    func appendBest(_ word: ArraySlice<UInt8>, to ids: inout [Int]) throws(TaperError) {
        let bytes = Array(word)
        guard bytes.count < Int32.max else {
            throw TaperError(.unsupported, "a text of 2 GB in one word", at: "", expected: "less")
        }
        var nodes = [Node](repeating: Node(score: 0, start: -1, id: -1), count: bytes.count + 1)
        var at = 0
        while at < bytes.count {
            let width = min(characterWidth(bytes[at]), bytes.count - at)
            let score = nodes[at].score
            var hasCharacter = false
            var trieNode = 0
            var end = at
            while end < bytes.count, let next = pieces.child(of: trieNode, bytes[end]) {
                trieNode = next
                end += 1
                guard let id = pieces.value(at: trieNode) else { continue }
                let sum = scores[id] + score
                if nodes[end].start < 0 || sum > nodes[end].score {
                    nodes[end] = Node(score: sum, start: Int32(at), id: Int32(id))
                }
                if end - at == width { hasCharacter = true }
            }
            if !hasCharacter {
                let sum = unknownScore + score
                if nodes[at + width].start < 0 || sum > nodes[at + width].score {
                    nodes[at + width] = Node(score: sum, start: Int32(at), id: -1)
                }
            }
            at += width
        }
        try append(path(nodes), of: bytes, to: &ids)
    }

    /// Pieces of the best path from left to right; neighbouring unknown ones are one.
    private func path(_ nodes: [Node]) -> [(range: Range<Int>, id: Int?)] {
        var path: [(range: Range<Int>, id: Int?)] = []
        var end = nodes.count - 1
        while end > 0 {
            let node = nodes[end]
            let start = Int(node.start)
            let isUnknown = node.id < 0 || Int(node.id) == settings.unknown
            if isUnknown, settings.unknown != nil, let last = path.last, last.id == nil {
                path[path.count - 1].range = start..<last.range.upperBound
            } else {
                path.append((start..<end, isUnknown ? nil : Int(node.id)))
            }
            end = start
        }
        path.reverse()
        return path
    }

    private func append(
        _ path: [(range: Range<Int>, id: Int?)], of bytes: [UInt8], to ids: inout [Int]
    ) throws(TaperError) {
        for piece in path {
            if let id = piece.id {
                ids.append(id)
                continue
            }
            let text = bytes[piece.range]
            if let found = pieces.value(of: text) {
                ids.append(found)
            } else if text.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in text { ids.append(Int(byteTokens[Int(byte)])) }
            } else if let unknown = settings.unknown {
                ids.append(unknown)
            } else {
                throw Tokenizer.missing(text, in: bytes[...])
            }
        }
    }
}
