import Kernels
import Model
import Storage

/// The float model's weights as its passes read them, kept as far as the residency says.
///
/// Kept in any case: the head once it was asked for, and vectors outside blocks. Of an embedding only the rows asked for are
/// read where the source can do so.
final class FloatWeights {
    let config: ModelConfig
    let source: WeightSource
    let residency: ReferenceModel.Residency
    let precision: FloatPrecision
    private let pool: ThreadPool
    private var blocks: [Int: BlockWeights] = [:]
    private var head: FloatMatrix?
    private var table: [Float]?
    private var vectors: [String: [Float]] = [:]
    /// Values that somebody has put in place of the source's, and matrices outside blocks that are read in rows in its place.
    private var replaced: [String: [Float]] = [:]
    private var replacedRows: [String: RowReader] = [:]

    init(
        _ source: WeightSource, residency: ReferenceModel.Residency, precision: FloatPrecision, pool: ThreadPool
    ) {
        config = source.config
        self.source = source
        self.residency = residency
        self.precision = precision
        self.pool = pool
    }

    /// - Throws: what the source throws; `badData` for a tensor of another size than the config says.
    func block(_ layer: Int) throws(TaperError) -> BlockWeights {
        if let known = blocks[layer] { return known }
        let made = try BlockWeights(
            config, layer: layer, precision, pool: pool, readsTogether: source.isConcurrent
        ) { name throws(TaperError) in try read(name) }
        if residency == .resident { blocks[layer] = made }
        return made
    }

    /// [vocabularySize * hiddenSize]
    func headMatrix() throws(TaperError) -> FloatMatrix {
        if let head { return head }
        let (rows, width) = (config.vocabularySize, config.hiddenSize)
        let made: FloatMatrix
        if let readRows = rowReader(config.headName) {
            made = try FloatMatrix(count: rows * width, piece: Self.piece(width) * width, precision, pool: pool) {
                part throws(TaperError) in
                let values = try readRows(config.headName, part.lowerBound / width..<part.upperBound / width)
                try BlockWeights.check(
                    "\(config.headName), elements \(part.lowerBound) to \(part.upperBound)", values, count: part.count)
                return values
            }
        } else {
            made = FloatMatrix(try read(config.headName, count: rows * width), precision, pool: pool)
        }
        head = made
        return made
    }

    /// Rows that are read at a time: 64 MB of floats.
    private static func piece(_ width: Int) -> Int { max(1, (1 << 24) / width) }

    /// nil where a matrix can only be had whole.
    private func rowReader(_ name: String) -> RowReader? {
        replacedRows[name] ?? (replaced[name] == nil ? source.readRows : nil)
    }

    /// The head piece by piece, for callers that rarely need it: at most 64 MB of it at once.
    func eachHeadPart(_ body: (Range<Int>, FloatMatrix) -> Void) throws(TaperError) {
        let (rows, width) = (config.vocabularySize, config.hiddenSize)
        let piece = Self.piece(width)
        guard head == nil, rows > piece, let readRows = rowReader(config.headName) else {
            return body(0..<rows, try headMatrix())
        }
        for start in stride(from: 0, to: rows, by: piece) {
            let range = start..<min(rows, start + piece)
            let values = try readRows(config.headName, range)
            try BlockWeights.check(config.headName, values, count: range.count * width)
            body(range, FloatMatrix(values, precision, pool: pool))
        }
    }

    /// Of the head; empty without one.
    func headBias() throws(TaperError) -> [Float] {
        config.headBias ? try vector(TensorName.headBias, count: config.vocabularySize) : []
    }

    func finalNorm() throws(TaperError) -> (weight: [Float], bias: [Float]) {
        (
            try vector(TensorName.finalNorm, count: config.hiddenSize),
            config.normalization == .layer ? try vector(TensorName.finalNormBias, count: config.hiddenSize) : []
        )
    }

    /// Rows of the embedding, [tokens * hiddenSize] of each sequence; the tokens have been checked.
    func embedded(_ sequences: [[Int]]) throws(TaperError) -> [[Float]] {
        let width = config.hiddenSize
        if let readRows = rowReader(TensorName.embedding) {
            let rows = Set(sequences.joined()).sorted()
            var values: [Float] = []
            values.reserveCapacity(rows.count * width)
            for row in rows { values += try readRows(TensorName.embedding, row..<row + 1) }
            let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
            return sequences.map { Self.gather($0.map { places[$0] ?? 0 }, values, width) }
        }
        let table: [Float]
        if let known = self.table {
            table = known
        } else {
            table = try read(TensorName.embedding, count: config.vocabularySize * width)
        }
        if residency == .resident { self.table = table }
        return sequences.map { Self.gather($0, table, width) }
    }

    private static func gather(_ rows: [Int], _ table: [Float], _ width: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows.count * width) { out, count in
            table.withUnsafeBufferPointer { table in
                guard let to = out.baseAddress, let from = table.baseAddress else { return }
                for (index, row) in rows.enumerated() {
                    (to + index * width).initialize(from: from + row * width, count: width)
                }
            }
            count = rows.count * width
        }
    }

    /// Reads everything that stays in memory.
    func load() throws(TaperError) {
        for layer in 0..<config.layerCount { _ = try block(layer) }
        _ = try (headMatrix(), headBias(), finalNorm(), embedded([[0]]))
    }

    /// A tensor as the model has it now, row-major.
    func values(_ name: String) throws(TaperError) -> [Float] { try read(name) }

    /// Puts other values in a tensor's place.
    func replace(_ name: String, _ values: [Float]) {
        replaced[name] = values
        replacedRows[name] = nil
        forget(name)
    }

    /// Puts other values in the place of the embedding or the head, which are read when they are needed.
    func replace(_ name: String, rows: @escaping RowReader) {
        precondition(name == TensorName.embedding || name == config.headName, "only tables have rows to read")
        replacedRows[name] = rows
        replaced[name] = nil
        forget(name)
    }

    private func forget(_ name: String) {
        vectors[name] = nil
        blocks = [:]
        if name == TensorName.embedding { table = nil }
        if name == config.headName { head = nil }
    }

    /// Reads blocks anew from now on: their source has changed.
    func forgetBlocks() { blocks = [:] }

    private func vector(_ name: String, count: Int) throws(TaperError) -> [Float] {
        if let known = vectors[name] { return known }
        let values = try read(name, count: count)
        vectors[name] = values
        return values
    }

    private func read(_ name: String) throws(TaperError) -> [Float] {
        if let own = replaced[name] { return own }
        if let rows = replacedRows[name] { return try rows(name, 0..<config.vocabularySize) }
        return try source.read(name)
    }

    private func read(_ name: String, count: Int) throws(TaperError) -> [Float] {
        let values = try read(name)
        try BlockWeights.check(name, values, count: count)
        return values
    }
}
