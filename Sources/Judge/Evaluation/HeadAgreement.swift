import Decoding
public import Kernels
public import Model
public import Runtime
public import Storage

/// How often the screens of a head find what the whole head would, token by token of a known text.
public struct HeadAgreement: Sendable {
    /// One number of likeliest tokens.
    public struct Row: Sendable {
        public let leading: Int
        /// nil: so many are read from the whole head.
        public let leadBits: Int?
        public var tokens = 0
        /// Tokens of which the likeliest tokens, their order or their logits are not the whole head's.
        public var misses = 0
        /// Tokens for which the whole head had to be read.
        public var fallbacks = 0
        /// Rows read in full, those of fallbacks among them.
        public var rows = 0
        /// Bytes of one pass over the leading bits, and of a row in full.
        public let leadBytes, rowBytes: Int

        /// Bytes of the head that a token reads on average.
        public var bytesPerToken: Double {
            Double(leadBytes) + Double(rows) * Double(rowBytes) / Double(max(1, tokens))
        }
    }

    public let bits: Precision
    /// Bytes of the whole head.
    public let wholeBytes: Int
    public private(set) var rows: [Row] = []

    /// Whole logits of every token of the sequences, and beside them what the screens find.
    ///
    /// - Parameters:
    ///   - leading: numbers of likeliest tokens; of those that no screen serves, all tokens fall back.
    ///   - engine: whose context the sequences fit.
    /// - Throws: `usage` for a bundle without screens; what `Engine.run` throws.
    public init(
        _ engine: Engine, sequences: [[Int]], leading: [Int], bits: Precision, progress: (Double) -> Void
    ) throws(TaperError) {
        self.bits = bits
        let head = engine.weights.headMatrix
        let headBits = head.effectiveBits(bits.roundedDown)
        wholeBytes = head.bytesRead(bits: headBits)
        guard let screened = engine.screenedHead else {
            throw TaperError(
                .usage, "the bundle reads its whole head for every token: there is nothing to compare",
                at: "head", remedy: "Add screens with taper calibrate BUNDLE " + field("head_screen"))
        }
        let screens = leading.map { screened.screen(for: $0, bits: headBits) }
        for (count, screen) in zip(leading, screens) {
            rows.append(
                Row(
                    leading: count, leadBits: screen?.leadBits, leadBytes: screen?.bytesRead ?? 0,
                    rowBytes: wholeBytes / NestedLayout.paddedRows(head.rows)))
        }
        let activations = ActivationBuffer(maxTokens: 1, maxColumns: head.columns)
        var found = [Float](repeating: 0, count: head.rows)
        let sequence = try engine.makeSequence()
        engine.usesHeadScreens = false
        for (index, tokens) in sequences.enumerated() {
            try Interrupt.check("Nothing was written")
            sequence.truncate(to: 0)
            var known = Rows<TokenSequence>()
            known.append(tokens[...], to: sequence, wanting: .all)
            let failures = try engine.run(known, bits: bits) { wanted in
                for (place, row) in wanted.enumerated() {
                    let state = engine.headInputs + place * head.columns
                    activations.quantize(state, tokens: 1, columns: head.columns, pool: engine.pool)
                    for (order, screen) in screens.enumerated() {
                        guard let screen else {
                            rows[order].take(nil, row.logits, row.logits)
                            continue
                        }
                        let request = ScreenedHead.Request(bits: headBits, leading: leading[order])
                        found.withUnsafeMutableBufferPointer { found in
                            guard let base = found.baseAddress else { return }
                            let tileRows = screened.run(
                                [request], by: screen, states: state, activations, logits: base, pool: engine.pool)?[0]
                            rows[order].take(tileRows, found, row.logits)
                        }
                    }
                }
            }
            if let failure = failures.first { throw failure.error }
            progress(Double(index + 1) / Double(sequences.count))
        }
    }
}

extension HeadAgreement.Row {
    fileprivate mutating func take(
        _ tileRows: Int?, _ found: UnsafeMutableBufferPointer<Float>, _ whole: UnsafeMutableBufferPointer<Float>
    ) {
        tokens += 1
        guard let tileRows else {
            fallbacks += 1
            rows += NestedLayout.paddedRows(whole.count)
            return
        }
        rows += tileRows * NestedLayout.tileRows
        let (first, second) = (likeliestTokens(found, leading), likeliestTokens(whole, leading))
        if first != second || first.contains(where: { found[$0] != whole[$0] }) { misses += 1 }
    }
}
