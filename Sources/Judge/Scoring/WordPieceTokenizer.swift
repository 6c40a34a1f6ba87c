public import Storage

/// BERT's WordPiece tokenizer: words and single punctuation marks, each cut into the longest pieces of the vocabulary from
/// its start; pieces inside a word begin with "##".
///
/// The text is text: a spelt-out "[SEP]" is cut like any other word.
public struct WordPieceTokenizer: Sendable {
    /// Pieces are compared byte by byte: Swift's strings take canonically equivalent ones for equal.
    private let ids: [[UInt8]: Int]
    private let normalizer: BERTNormalizer
    /// Ids of the tokens around a text, and of a word that cannot be cut.
    public let classID: Int
    public let separatorID: Int
    public let unknownID: Int
    public let vocabularySize: Int
    /// A longer word is unknown; as in BERT's own.
    static let longestWord = 100

    /// Reads `vocab.txt`, one token a line, and `tokenizer_config.json` where there is one.
    public init(folder: String) throws(TaperError) {
        let path = folder + "/vocab.txt"
        let bytes = try Files.readText(path, limit: 1 << 26)
        var ids: [[UInt8]: Int] = [:]
        var count = 0
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let token = line.last == 0x0d ? line.dropLast() : line
            ids[Array(token)] = count
            count += 1
        }
        // The last line ends; what follows is no token.
        if bytes.last == 0x0a {
            ids[[]] = nil
            count -= 1
        }
        func special(_ token: String) throws(TaperError) -> Int {
            guard let id = ids[Array(token.utf8)] else {
                throw TaperError(
                    .badData, "the vocabulary lacks a token", at: path, expected: token,
                    remedy: "Use an encoder with a WordPiece vocabulary of BERT's kind")
            }
            return id
        }
        classID = try special("[CLS]")
        separatorID = try special("[SEP]")
        unknownID = try special("[UNK]")
        self.ids = ids
        vocabularySize = count
        var normalizer = BERTNormalizer()
        let configPath = folder + "/tokenizer_config.json"
        if Files.exists(configPath) {
            let json = try JSONValue.parse(try Files.readText(configPath, limit: 1 << 24), place: configPath)
            normalizer.lowercases = json["do_lower_case"]?.bool ?? true
            // Accents go with the capitals unless the config says otherwise.
            normalizer.stripsAccents = json["strip_accents"]?.bool ?? normalizer.lowercases
            normalizer.separatesChinese = json["tokenize_chinese_chars"]?.bool ?? true
        }
        self.normalizer = normalizer
    }

    /// Ids of a text between [CLS] and [SEP].
    ///
    /// - Parameter limit: most ids with those two; what is longer is cut at the end.
    public func encode(_ text: String, limit: Int) -> [Int] {
        precondition(limit >= 2, "no room for [CLS] and [SEP]")
        var result: [Int] = []
        for word in words(text) { result += pieces(word) }
        return [classID] + result.prefix(limit - 2) + [separatorID]
    }

    private func words(_ text: String) -> [[Unicode.Scalar]] {
        var words: [[Unicode.Scalar]] = []
        var word: [Unicode.Scalar] = []
        func end() {
            if !word.isEmpty { words.append(word) }
            word = []
        }
        for scalar in normalizer.normalize(text) {
            if BERTNormalizer.isSpace(scalar) {
                end()
            } else if BERTNormalizer.isPunctuation(scalar) {
                end()
                words.append([scalar])
            } else {
                word.append(scalar)
            }
        }
        end()
        return words
    }

    private func pieces(_ word: [Unicode.Scalar]) -> [Int] {
        guard word.count <= Self.longestWord else { return [unknownID] }
        let bytes = word.map { Array(UTF8.encode($0) ?? UTF8.encodedReplacementCharacter) }
        var result: [Int] = []
        var start = 0
        while start < word.count {
            var end = word.count
            var found: Int?
            while end > start {
                found = ids[(start > 0 ? [0x23, 0x23] : []) + bytes[start..<end].joined()]
                if found != nil { break }
                end -= 1
            }
            guard let found else { return [unknownID] }
            result.append(found)
            start = end
        }
        return result
    }
}
