public import Storage

extension Bundle {
    /// The learned scheduler; nil when the bundle has none.
    /// - Throws: `badData` naming the rule of `formats/bundle.md` that is broken.
    public func learnedScheduler() throws(TaperError) -> LearnedScheduler? {
        let place = place(of: SectionName.learned)
        let facts = try json(SectionName.learned)
        let weights = try section(SectionName.learnedWeights)
        switch (facts, weights) {
        case (nil, nil): return nil
        case (let facts?, let weights?):
            return try LearnedScheduler(json: facts, weights: weights, for: self, place: place)
        default:
            throw TaperError(
                .badData,
                "section " + (facts == nil ? SectionName.learned : SectionName.learnedWeights)
                    + " is missing", at: path, expected: "both sections of the learned scheduler, or none")
        }
    }
}

extension LearnedScheduler {
    /// Its sections for a bundle, checked as a reader would.
    func sections(for bundle: Bundle) throws(TaperError) -> [(section: String, bytes: [UInt8])] {
        let weights = weightBytes
        _ = try LearnedScheduler(json: json, weights: weights, for: bundle, place: "learned scheduler to write")
        return [(SectionName.learned, json.bytes()), (SectionName.learnedWeights, weights)]
    }
}
