public import Bundle
public import Kernels
import Model
public import Storage

/// Screens of a bundle's head: contents of sections `head.screen.<bits>`, and what they are.
public struct HeadScreenResult: Sendable {
    public struct Screen: Sendable {
        public let bytes: [UInt8]
        public let header: HeadScreenSection.Header
    }
    /// Ascending leading bits; none where they would save nothing.
    public var screens: [Screen] = []
}

/// Makes the screens of a bundle's head: directions from the states of half of the sequences, the margin from half of the others'
/// tokens, and evidence from the rest, so that it is of tokens that nothing was made from.
///
/// Every number of leading bits is tried. The one that reads the fewest bytes for a likeliest token is taken, and the one that does for
/// forty, if they save a tenth of what is read without and miss none of the evidence.
///
/// - Returns: no screens for a head that can have none, one in bytes or of few bits, nor from too little text.
public func calibrateHeadScreen(
    _ bundle: Bundle, sequences: [[Int]], pool: ThreadPool, update: (Double) -> Void
) throws(TaperError) -> HeadScreenResult {
    let head = try bundle.weights(bundle.manifest.model.headName)
    var sequences = sequences.filter { !$0.isEmpty }
    if sequences.count == 1, let only = sequences.first, only.count > 1 {
        sequences = [Array(only[..<(only.count / 2)]), Array(only[(only.count / 2)...])]
    }
    // The leading bits stand for every precision that the head serves.
    let candidates = HeadScreenSection.leadBits.filter { $0 < head.precisions.first ?? 0 }
    guard case .nested = head.encoding, sequences.count > 1, !candidates.isEmpty else { return HeadScreenResult() }
    // Damage would become part of a screen.
    let checks = BlockChecks(bundle)
    for bits in head.precisions { head.eachPart(bits: bits, checks.expect) }
    try checks.compare(pool)
    let states = try HeadStates(bundle, sequences: sequences, pool: pool) { update(0.4 * $0) }
    guard states.known.count >= HeadScreenCost.leastKnown, states.directions.count >= HeadScreenCost.leastStates else {
        return HeadScreenResult()
    }
    let calibration = try HeadScreenCalibration(bundle, head, states, pool: pool)
    guard calibration.hasRest else { return HeadScreenResult() }
    var trials: [HeadScreenCalibration.Trial] = []
    for (index, leadBits) in candidates.enumerated() {
        let start = 0.4 + 0.6 * Double(index) / Double(candidates.count)
        let trial = try calibration.screen(leadBits: leadBits) { update(start + 0.6 * $0 / Double(candidates.count)) }
        if let trial { trials.append(trial) }
    }
    return calibration.best(of: trials)
}

private struct HeadScreenCalibration {
    struct Trial {
        let screen: HeadScreenResult.Screen
        /// Bytes read of the head for a likeliest token, and for forty.
        let one, forty: Int
    }

    /// Tokens for which rows are counted that are read in full.
    private static let countedLimit = 512
    /// States that rows' deviations are measured on.
    private static let outsideLimit = 512
    /// Rows of other texts are underestimated by more than those of the evidence.
    private static let reserve: Float = 1.4
    private static let leastMargin: Float = 6
    /// Deviations of what has none.
    private static let impossible: Float = 1e6

    private let head: WeightMatrix
    private let headChecksum: UInt64
    private let known: [HeadStates.Known]
    private let basis, units, outside: [Float]
    /// Root mean square of states' lengths outside the basis.
    private let rest: Float
    private let bias: UnsafePointer<Float>?
    private let pool: ThreadPool

    init(
        _ bundle: Bundle, _ head: WeightMatrix, _ states: HeadStates, pool: ThreadPool
    ) throws(TaperError) {
        self.head = head
        headChecksum = bundle.headChecksum
        bias = bundle.manifest.model.headBias ? try bundle.vector(TensorName.headBias).baseAddress : nil
        self.pool = pool
        known = states.known
        basis = states.directions.leading(HeadScreenCost.directions(columns: head.columns), pool)
        units = states.directions.units(of: basis)
        outside = states.directions.outside(basis, limit: Self.outsideLimit)
        rest = states.directions.rest(beside: units)
    }

    /// Whether states have a part outside the basis, which chance is about.
    var hasRest: Bool { rest > 0 && !outside.isEmpty }
    private var tileRowCount: Int { NestedLayout.paddedRows(head.rows) / NestedLayout.tileRows }
    private var wholeBytes: Int { head.bytesRead(bits: head.precisions.last ?? 8) }

    func best(of trials: [Trial]) -> HeadScreenResult {
        func saves(_ bytes: Int) -> Bool { bytes * 10 <= wholeBytes * 9 }
        var chosen: [Trial] = []
        if let first = trials.min(by: { $0.one < $1.one }), saves(first.one) { chosen.append(first) }
        // A second screen costs room in the file.
        if let second = trials.min(by: { $0.forty < $1.forty }), saves(second.forty),
            chosen.allSatisfy({ second.forty * 10 <= $0.forty * 9 })
        {
            chosen.append(second)
        }
        let screens = chosen.map(\.screen).sorted { $0.header.shape.leadBits < $1.header.shape.leadBits }
        return HeadScreenResult(screens: screens)
    }

    /// nil: a weight is not finite in floats, or a row was missed.
    func screen(leadBits: Int, _ update: (Double) -> Void) throws(TaperError) -> Trial? {
        let draft = try HeadScreenDraft(
            HeadScreenSection.Shape(
                leadBits: leadBits, directions: units.count, rows: head.rows, columns: head.columns),
            headChecksum: headChecksum)
        for index in basis.indices { draft.basis[index] = basis[index] }
        for (index, unit) in units.enumerated() { draft.units[index] = unit }
        guard try draft.fill(from: head, states: outside, rest: rest, pool: pool, update: { update(0.6 * $0) }) else {
            return nil
        }
        let deviations = try underestimates(draft)
        func ofTokens(_ remainder: Int) -> [Float] {
            deviations.indices.filter { $0 / HeadStates.rankLimit % 2 == remainder }.map { deviations[$0] }
        }
        // In quarters, so that it is a number that can be named.
        let largest = ofTokens(0).reduce(0, max)
        let margin = min(
            HeadScreenSection.marginRange.upperBound,
            max(Self.leastMargin, (largest * Self.reserve * 4).rounded(.up) / 4))
        var evidence = HeadScreen.Evidence()
        let heldOut = ofTokens(1)
        evidence.tokens = heldOut.count / HeadStates.rankLimit
        evidence.largest = heldOut.reduce(0, max)
        evidence.misses = heldOut.count { $0 > margin }
        guard evidence.misses == 0 else { return nil }
        draft.write(margin: margin, evidence)
        update(0.8)
        evidence.tileRowsForOne = try tileRows(draft, leading: 1)
        update(0.9)
        evidence.tileRowsForForty = try tileRows(draft, leading: 40)
        update(1)
        draft.write(margin: margin, evidence)
        let screen = try draft.screen(of: head)
        let bits = head.precisions.last ?? 8
        return Trial(
            screen: HeadScreenResult.Screen(bytes: draft.bytes, header: try draft.header()),
            one: screen.expectedBytes(of: head, bits: bits, leading: 1),
            forty: screen.expectedBytes(of: head, bits: bits, leading: 40))
    }

    /// By how many deviations every token's likeliest rows are underestimated: [tokens][rank limit]. Of states as they are; the engine
    /// rounds them to bytes for scores and logits alike.
    private func underestimates(_ draft: HeadScreenDraft) throws(TaperError) -> [Float] {
        let screen = try draft.screen(of: head)
        var found = [Float](repeating: 0, count: known.count * HeadStates.rankLimit)
        found.withUnsafeMutableBufferPointer { found in
            let found = found
            let parts = min(known.count, pool.threadCount * 8)
            pool.run(parts) { part in
                var buffer = [Float](repeating: 0, count: 2 * head.columns)
                for index in known.count * part / parts..<known.count * (part + 1) / parts {
                    let token = known[index]
                    token.state.withUnsafeBufferPointer {
                        guard let state = $0.baseAddress else { return }
                        let (coefficients, rest) = screen.split(state)
                        for (rank, row) in token.rows.enumerated() {
                            let left = leftOut(row, bits: token.bits, screen, draft, state, coefficients, &buffer)
                            let deviation = rest * draft.deviations[row]
                            // Where nothing is left to chance, only rounding is forgiven.
                            found[index * HeadStates.rankLimit + rank] =
                                deviation > 0 ? left / deviation : left > 1e-4 ? Self.impossible : 0
                        }
                    }
                }
            }
        }
        return found
    }

    /// What a row's score lacks of its logit.
    private func leftOut(
        _ row: Int, bits: Int, _ screen: HeadScreen, _ draft: HeadScreenDraft, _ state: UnsafePointer<Float>,
        _ coefficients: [Float], _ buffer: inout [Float]
    ) -> Float {
        buffer.withUnsafeMutableBufferPointer { buffer in
            guard let exact = buffer.baseAddress else { return 0 }
            let lead = exact + head.columns
            head.dequantizeRow(row, bits: bits, into: exact, pool: pool)
            screen.lead.dequantizeRow(row, bits: screen.leadBits, into: lead, pool: pool)
            for column in 0..<head.columns { exact[column] -= lead[column] }
            var sum = HeadScreen.dot(exact, state, head.columns)
            for (direction, coefficient) in coefficients.enumerated() {
                let place = draft.projectionIndex(row: row, direction: direction)
                sum -= coefficient * Float(draft.projections[place]) * draft.projectionScales[row]
            }
            return sum
        }
    }

    /// Rows of tiles that are read in full for a token, on average; all of them where the whole head would be.
    private func tileRows(_ draft: HeadScreenDraft, leading: Int) throws(TaperError) -> Float {
        let screen = try draft.screen(of: head)
        let screened = ScreenedHead([screen], of: head, bias: bias, cap: 0)
        guard leading <= screened.leadingLimit else { return Float(tileRowCount) }
        let activations = ActivationBuffer(maxTokens: 1, maxColumns: head.columns)
        var logits = [Float](repeating: 0, count: head.rows)
        let count = min(Self.countedLimit, known.count)
        var total = 0
        for index in 0..<count {
            let token = known[index * known.count / count]
            token.state.withUnsafeBufferPointer { state in
                logits.withUnsafeMutableBufferPointer { logits in
                    guard let state = state.baseAddress, let logits = logits.baseAddress else { return }
                    activations.quantize(state, tokens: 1, columns: head.columns, pool: pool)
                    let request = ScreenedHead.Request(bits: token.bits, leading: leading)
                    total +=
                        screened.run(
                            [request], by: screen, states: state, activations, logits: logits, pool: pool)?[0]
                        ?? tileRowCount
                }
            }
        }
        return Float(total) / Float(max(1, count))
    }
}
