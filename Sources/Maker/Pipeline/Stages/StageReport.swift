import Bundle
package import Storage

/// What can be said of a conversion's stages without making them, and making single ones.
package struct StageReport {
    package static let schema = "taper-stages-1"
    private let converter: Converter
    private let graph: ConversionGraph
    private var store: ArtifactStore { converter.store }

    package init(_ converter: Converter) throws(TaperError) {
        self.converter = converter
        graph = try converter.graph()
    }

    /// Every kind of stage with what it makes.
    package static var kindLines: [String] {
        let width = StageKind.allCases.map(\.name.count).max() ?? 0
        return StageKind.allCases.map { kind in
            kind.name + String(repeating: " ", count: width - kind.name.count) + "  " + kind.summary
        }
    }

    package static var kindsJSON: JSONValue {
        .object([
            .init("schema", .string(schema)),
            .init(
                "kinds",
                .array(
                    StageKind.allCases.map {
                        .object([.init("name", .string($0.name)), .init("makes", .string($0.summary))])
                    })),
        ])
    }

    /// One a stage; a bundle is never stored.
    package var rows: [(label: String, key: String, byteCount: Int?)] {
        graph.stages.map { (label: $0.label, key: $0.key.text, byteCount: byteCount($0)) }
    }

    private func byteCount(_ stage: Stage) -> Int? {
        let status = FileStatus(path: store.filePath(stage.kind.name, stage.key))
        return status?.kind == .file ? status?.byteCount : nil
    }

    package var planJSON: JSONValue {
        .object([
            .init("schema", .string(Self.schema)), .init("input", .string(converter.input)),
            .init("store", .string(store.path)), .init("stages", .array(graph.stages.map { json($0) })),
        ])
    }

    private func json(_ stage: Stage) -> JSONValue {
        func facts(_ isInput: Bool) -> JSONValue {
            .object(
                stage.facts.filter { $0.isInput == isInput }.map { fact in
                    .init(
                        fact.name,
                        .object([
                            .init("digest", .string(fact.digest.text)),
                            .init("text", .string(stage.text(of: fact.name))),
                        ]))
                })
        }
        let size = byteCount(stage)
        return .object([
            .init("name", .string(stage.kind.name)), .init("subject", stage.subject.map { .string($0) } ?? .null),
            .init("version", .integer(stage.version)), .init("key", .string(stage.key.text)),
            .init("needs", .array(needs(stage).map { .string($0.key.text) })), .init("inputs", facts(true)),
            .init("parameters", facts(false)), .init("stored", .bool(size != nil)),
            .init("bytes", size.map { .integer($0) } ?? .null),
            .init("path", size == nil ? .null : .string(store.filePath(stage.kind.name, stage.key))),
        ])
    }

    /// Each once.
    private func needs(_ stage: Stage) -> [Stage] {
        var seen: Set<ContentKey> = []
        return stage.inputs.filter { seen.insert($0.key).inserted }
    }

    /// Stages of a name such as "arrange" or "quantize:model.embed_tokens.weight".
    /// - Throws: `usage` that lists what there is.
    private func find(_ name: String) throws(TaperError) -> [Stage] {
        let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let ofKind = graph.stages.filter { $0.kind.name == parts[0] }
        let found = parts.count == 1 ? ofKind : ofKind.filter { $0.subject == parts[1] }
        guard found.isEmpty else { return found }
        let known = StageKind(rawValue: parts[0]) != nil
        let names =
            ofKind.isEmpty
            ? graph.stages.map(\.kind.name)
            : ofKind.map { stage in stage.subject.map { parts[0] + ":" + $0 } ?? parts[0] }
        throw TaperError(
            .usage, known ? "this conversion has no such stage" : "there is no stage of this name", at: printable(name),
            expected: "one of " + Set(names).sorted().prefix(40).joined(separator: ", "))
    }
}

// What commands print.
extension StageReport {
    package struct Outcome {
        package let lines: [String]
        package let json: JSONValue
    }

    /// Makes the stages of a name and what they need.
    /// - Parameter output: where the stage pack writes its bundle.
    package func run(_ name: String, output: String?, force: Bool) throws(TaperError) -> Outcome {
        let stages = try find(name)
        let packs = stages[0].kind == .pack
        guard packs == (output != nil) else {
            throw TaperError(
                .usage, packs ? "the stage pack writes a bundle" : "only the stage pack writes a bundle",
                at: field("output"),
                remedy: packs
                    ? "Name it with \(field("output"))" : "Leave out \(field("output")); outputs are kept in the store")
        }
        try store.open()
        // Without a name of its own a bundle that is only run stands in the store, claimed, and goes at the end.
        let place = output ?? store.filePath("bundle", graph.pack.key)
        let claim = output == nil ? try store.waitForClaim("bundle", graph.pack.key, converter.progress) : nil
        defer { withExtendedLifetime(claim) {} }
        if let output {
            try Converter.checkOutput(output, input: converter.input, others: InputFiles(), force: force)
        }
        let lock = try output.map { output throws(TaperError) in try BundleEdit.lock(output) }
        defer { withExtendedLifetime(lock) {} }
        let runner = converter.runner(bundlePath: place, replacing: force || output == nil)
        try runner.run(stages)
        if let output {
            try runner.workspace.takeDraft(graph.pack).publish()
            return Outcome(
                lines: [output],
                json: .object([
                    .init("schema", .string(Self.schema)), .init("output", .string(output)),
                    .init("made", .integer(runner.made.count)),
                ]))
        }
        return Outcome(
            lines: stages.map {
                "\($0.label)  \(store.filePath($0.kind.name, $0.key))"
                    + (runner.made.contains($0.key) ? "" : "  was there")
            },
            json: .object([
                .init("schema", .string(Self.schema)), .init("made", .integer(runner.made.count)),
                .init("stages", .array(stages.map { json($0) })),
            ]))
    }

    /// What the stages of a name are made from, and why they would be made again.
    package func explain(_ name: String) throws(TaperError) -> Outcome {
        let stages = try find(name)
        var lines: [String] = []
        var list: [JSONValue] = []
        for stage in stages {
            let reason = reason(stage)
            lines += [stage.label, "  version     \(stage.version)", "  key         \(stage.key.text)"]
            for fact in stage.facts {
                lines.append(
                    (fact.isInput ? "  input       " : "  setting     ") + fact.name + ": " + stage.text(of: fact.name))
            }
            lines.append("  stored      " + (byteCount(stage).map { byteText($0) } ?? "no"))
            lines.append("  file        " + store.filePath(stage.kind.name, stage.key))
            lines.append("  " + reason.text)
            list.append(
                .object(
                    (json(stage).members ?? []) + [
                        .init("reason", .string(reason.text)),
                        .init("differs", .array(reason.differences.map { .string($0) })),
                    ]))
        }
        return Outcome(
            lines: lines, json: .object([.init("schema", .string(Self.schema)), .init("stages", .array(list))]))
    }

    private func reason(_ stage: Stage) -> (text: String, differences: [String]) {
        if stage.kind == .pack { return ("it is written anew for every conversion, from what is stored", []) }
        if store.contains(stage.kind.name, stage.key) { return ("it is stored and would be used", []) }
        if byteCount(stage) != nil { return ("it would be made again: what is stored is damaged", []) }
        // Of earlier outputs the one that is most alike.
        var best: [String]?
        for artifact in store.stored(stage.kind.name) {
            guard let record = store.record(at: artifact.path), let differs = stage.differences(from: record) else {
                continue
            }
            if differs.count < best?.count ?? Int.max { best = differs }
        }
        guard let best else { return ("it would be made: there is no earlier output of this stage", []) }
        return (
            "it would be made: against the output that is most alike, these differ: " + best.joined(separator: ", "),
            best
        )
    }
}
