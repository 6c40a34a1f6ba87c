import Kernels
public import Model
public import Storage

/// A mixed allocation between two whole precisions: every linear tensor has whole bits of its own.
public struct Rung: Sendable {
    /// Its name: the average bits of the linear layers' weights, within `nameTolerance`.
    public let precision: Precision
    /// Bits of every tensor of the group "linear", in the manifest's order; nested precisions of the bundle.
    public let bits: [Int]
    /// How it was found; for people and reports.
    public let evidence: JSONValue

    public init(precision: Precision, bits: [Int], evidence: JSONValue = .null) {
        self.precision = precision
        self.bits = bits
        self.evidence = evidence
    }

    /// Hundredths of a bit by which name and average may differ: few tensors can not meet any average.
    static let nameTolerance = 5
    /// At most this many in a bundle: every hundredth between two precisions and more than anybody can use.
    static let limit = 128

    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("bits", precision.json), .init("tensors", .array(bits.map { .integer($0) })),
        ]
        if !evidence.isNull { members.append(.init("evidence", evidence)) }
        return .object(members)
    }

    /// Reads and checks the section "rungs" (`formats/bundle.md`).
    /// - Throws: `badData` naming the rung and the rule.
    static func read(_ json: JSONValue, _ manifest: Manifest, place: String) throws(TaperError) -> [Rung] {
        guard let list = json.array, list.count <= limit else {
            throw TaperError(
                .badData, "not an array of at most " + String(limit) + " rungs", at: place, found: json.kind)
        }
        var rungs: [Rung] = []
        for (index, item) in list.enumerated() {
            let context = place + "[" + String(index) + "]"
            guard let precision = Precision(json: item["bits"]), precision.isRung else {
                throw TaperError(
                    .badData, "\"bits\" is no rung", at: context, expected: "a number such as 3.5, to hundredths",
                    found: item["bits"].map { $0.text() } ?? "nothing")
            }
            var bits: [Int] = []
            for value in item["tensors"]?.array ?? [] {
                guard let number = value.integer else {
                    throw TaperError(.badData, "\"tensors\" is no array of integers", at: context)
                }
                bits.append(number)
            }
            rungs.append(Rung(precision: precision, bits: bits, evidence: item["evidence"] ?? .null))
        }
        try check(rungs, manifest, place: place)
        return rungs
    }

    /// Do the rungs keep the rules of the format with this manifest?
    public static func check(_ rungs: [Rung], _ manifest: Manifest, place: String) throws(TaperError) {
        let tensors = manifest.linearTensors
        let nested = manifest.nestedPrecisions
        for (index, rung) in rungs.enumerated() {
            let context = place + "[" + String(index) + "]"
            guard rung.bits.count == tensors.count else {
                throw TaperError(
                    .badData, "a rung has bits for another number of tensors", at: context,
                    expected: String(tensors.count), found: String(rung.bits.count))
            }
            if let bits = rung.bits.first(where: { !nested.contains($0) }) {
                throw TaperError(
                    .badData, "a rung names a precision the bundle lacks", at: context,
                    expected: "of " + nested.map { String($0) }.joined(separator: ", "), found: String(bits))
            }
            let average = averageBits(rung.bits, tensors)
            guard abs(average - rung.precision.bits) <= Double(nameTolerance) / 100 + 1e-9 else {
                throw TaperError(
                    .badData, "a rung is not what its name says", at: context,
                    expected: rung.precision.text + " bits on average", found: fixed(average, 3))
            }
            if index > 0, rung.precision <= rungs[index - 1].precision {
                throw TaperError(
                    .badData, "rungs must rise", at: context, expected: "more than " + rungs[index - 1].precision.text,
                    found: rung.precision.text)
            }
            guard let lowest = nested.first, let highest = nested.last, rung.precision > Precision(bits: lowest),
                rung.precision < Precision(bits: highest)
            else {
                throw TaperError(
                    .badData, "a rung lies outside the bundle's precisions", at: context, found: rung.precision.text)
            }
        }
        // Of neighbours among all that is served in nested codes, the lower one reads fewer bytes.
        var last = -1
        var next = 0
        func follow(_ precision: Precision, _ bytes: Int) throws(TaperError) {
            guard bytes > last else {
                throw TaperError(
                    .badData, "a step down reads no fewer bytes", at: place,
                    expected: "more than " + String(last) + " bytes at " + precision.text + " bits",
                    found: String(bytes))
            }
            last = bytes
        }
        for bits in nested {
            while next < rungs.count, rungs[next].precision < Precision(bits: bits) {
                try follow(rungs[next].precision, bytesRead(rungs[next].bits, tensors))
                next += 1
            }
            try follow(Precision(bits: bits), tensors.reduce(0) { $0 + $1.bytesRead(bits: bits) })
        }
    }

    /// Average bits of the weights, padding not counted.
    static func averageBits(_ bits: [Int], _ tensors: [TensorPlan]) -> Double {
        var (sum, count) = (0.0, 0.0)
        for (bits, tensor) in zip(bits, tensors) {
            let weights = Double(tensor.shape[0]) * Double(tensor.shape[1])
            sum += weights * Double(bits)
            count += weights
        }
        return count > 0 ? sum / count : 0
    }

    /// Bytes of the linear layers that a decode step reads.
    static func bytesRead(_ bits: [Int], _ tensors: [TensorPlan]) -> Int {
        zip(bits, tensors).reduce(0) { $0 + $1.1.bytesRead(bits: $1.0) }
    }
}

extension Manifest {
    /// Tensors of the group "linear", in order: what a rung gives bits to.
    public var linearTensors: [TensorPlan] {
        tensors.filter { if case .nested(Manifest.linearGroup, _) = $0.encoding { true } else { false } }
    }
}

extension Bundle {
    /// Mixed allocations between the whole precisions, ascending; empty in a bundle without the section.
    public func rungs() throws(TaperError) -> [Rung] {
        if let known = knownRungs { return known }
        let json = try json(SectionName.rungs)
        let rungs = try json.map { json throws(TaperError) in
            try Rung.read(json, manifest, place: self.place(of: SectionName.rungs))
        }
        knownRungs = rungs ?? []
        return rungs ?? []
    }

    /// Serves rungs that the file does not hold yet.
    /// - Parameter json: content of a section "rungs".
    /// - Throws: `badData` when they do not fit this bundle.
    public func adopt(rungs json: JSONValue, place: String) throws(TaperError) {
        knownRungs = try Rung.read(json, manifest, place: place)
    }

    /// Every precision that can be decoded with, rungs included, ascending.
    public func servedPrecisions() throws(TaperError) -> [Precision] {
        let rungs = try rungs()
        var all: [Precision] = []
        var next = 0
        for bits in manifest.precisions {
            while next < rungs.count, rungs[next].precision < Precision(bits: bits) {
                all.append(rungs[next].precision)
                next += 1
            }
            all.append(Precision(bits: bits))
        }
        return all
    }
}
