import ArgumentParser
import Bundle
import Checkpoint
import Model
import Pipeline
import Runtime
import Storage
import Text

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a bundle, checkpoint or GGUF file holds.")

    @Argument(help: "Bundle, checkpoint directory or GGUF file.", completion: .file()) var path: String
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "List every tensor.") var tensors = false
    @Flag(help: "Show the calibrated schedules with their evidence.") var schedules = false
    @Flag(help: "Check every checksum; exit code 2 when damaged.") var verify = false
    @Flag(help: "Show the chat template.") var chatTemplate = false

    func run() throws {
        switch try CheckpointFormat.detect(path) {
        case .bundle: try inspectBundle()
        // A bundle whose first bytes are damaged: its reader says what is wrong.
        case .unknown where verify || path.hasSuffix(".taper"): try inspectBundle()
        default:
            guard !verify else { throw TaperError(.usage, "--verify works on bundles", at: path) }
            if let outline = try ModelOutline(folder: path) { return show(outline) }
            try inspectCheckpoint()
        }
    }

    private func inspectBundle() throws {
        let bundle = try Bundle(path: path)
        if verify {
            let report = bundle.verify()
            if json {
                Console.out(
                    .object([
                        .init("schema", .string("taper-verify-1")), .init("sound", .bool(report.isSound)),
                        .init("sections", .integer(report.sectionCount)), .init("bytes", .integer(report.byteCount)),
                        .init("problems", .array(report.problems.map { .string($0) })),
                    ]))
            } else if report.isSound {
                Console.out(
                    "\(printable(path, limit: 4000)): sound; \(report.sectionCount) sections, \(byteText(report.byteCount))"
                )
            }
            guard report.isSound else {
                throw TaperError(.verificationFailed, report.problems.joined(separator: "\nerror: "))
            }
            return
        }
        let report = try BundleReport(bundle)
        if json {
            Console.out(report.json(tensors: tensors))
        } else if chatTemplate {
            Console.out(try chatTemplates(of: bundle))
        } else {
            report.lines(tensors: tensors, schedules: schedules).forEach { Console.out($0) }
        }
    }

    /// The chat format's members, and the sources of the model's own templates; null when the bundle has neither.
    private func chatTemplates(of bundle: Bundle) throws -> JSONValue {
        var members: [JSONValue.Member] = []
        if let json = try bundle.json(SectionName.chat) {
            _ = try ChatTemplate(json: json, place: path + " (chat)")
            members = json.members ?? []
        }
        if let json = try bundle.json(SectionName.templates) {
            let sources = try ChatTemplateSources(json: json, place: path + " (templates)").json
            if members.isEmpty { members.append(.init("name", .null)) }
            members += (sources.members ?? []).filter { $0.key != "schema" }
        }
        return members.isEmpty ? .null : .object(members)
    }

    /// A folder with config.json alone.
    private func show(_ outline: ModelOutline) {
        let (model, recipe) = (outline.config, Recipe.standard(.default))
        let byteCount = ConversionEstimate(recipe, model, storedBytes: 0).outputBytes
        if json {
            return Console.out(
                .object([
                    .init("schema", .string("taper-inspect-1")), .init("kind", .string("outline")),
                    .init("note", .string(ModelOutline.note)), .init("model", model.json),
                    .init("weights", .integer(outline.weightCount)),
                    .init("estimated_bundle_bytes", .integer(byteCount)),
                ]))
        }
        Console.out(Console.strong(printable(path, limit: 4000)) + "  " + ModelOutline.note)
        Console.out("  " + BundleReport.shapeText(model))
        if let blocks = BlockReport.text(model) { Console.out("  blocks: " + blocks) }
        Console.out(
            "  estimated: \(byteText(2 * outline.weightCount)) in half precision, \(byteText(byteCount)) as a bundle of "
                + recipe.precisions.map(String.init).joined(separator: ", ") + " bits")
        for warning in outline.warnings { Console.note("warning: " + warning) }
    }

    private func inspectCheckpoint() throws {
        let listing = try CheckpointListing.read(path)
        // Of a model that Taper can run, also what it would be taken for; of others why not.
        var checkpoint: Checkpoint?
        var tokenizer: Tokenizer?
        var obstacle: String?
        do throws(TaperError) {
            let opened = try Checkpoint.open(path)
            checkpoint = opened
            tokenizer = try opened.tokenizer()
        } catch {
            obstacle = error.message
        }
        if json {
            Console.out(
                .object([
                    .init("schema", .string("taper-inspect-1")), .init("kind", .string("checkpoint")),
                    .init("format", .string(listing.format.rawValue)),
                    .init("architecture", .string(listing.architecture ?? "unknown")),
                    .init("convertible", .bool(obstacle == nil)),
                    .init("obstacle", obstacle.map { .string($0) } ?? .null),
                    .init("metadata", listing.metadata),
                    .init(
                        "end_tokens", checkpoint.map { EndTokenReport.json($0.config.eosTokens, tokenizer) } ?? .null),
                    .init(
                        "tensors",
                        .array(
                            listing.tensors.map { tensor in
                                .object([
                                    .init("name", .string(tensor.name)),
                                    .init("shape", .array(tensor.shape.map { .integer($0) })),
                                    .init("dtype", .string(tensor.dtype)), .init("bytes", .integer(tensor.byteCount)),
                                ])
                            })),
                ]))
            return
        }
        let bytes = listing.tensors.reduce(0) { $0 + $1.byteCount }
        Console.out(Console.strong(printable(path, limit: 4000)))
        Console.out(
            "  \(listing.format.rawValue), architecture \(listing.architecture ?? "unknown"), \(listing.tensors.count) tensors, \(byteText(bytes))"
        )
        for member in listing.metadata.members ?? [] {
            Console.out("  \(member.key): \(printable(member.value.text(), limit: 200))")
        }
        Console.out("  can be converted: " + (obstacle.map { "no; " + $0 } ?? "yes"))
        if let checkpoint {
            if let blocks = BlockReport.text(checkpoint.config) { Console.out("  blocks: " + blocks) }
            Console.out("  end tokens: " + EndTokenReport.text(checkpoint.config.eosTokens, tokenizer))
        }
        for warning in checkpoint?.warnings ?? listing.warnings { Console.note("warning: " + warning) }
        if chatTemplate {
            let checkpoint = try Checkpoint.open(path)
            for template in checkpoint.chatTemplates.templates {
                Console.out(Console.strong("chat template '\(printable(template.name))'"))
                Console.out(template.source)
            }
            let derivation = checkpoint.chatDerivation(try checkpoint.tokenizer())
            for warning in derivation.warnings { Console.note("warning: " + warning) }
            if let form = derivation.template { Console.out(form.json) }
        }
        guard tensors else { return }
        var table = TextTable(["tensor", "shape", "dtype", "bytes"])
        for tensor in listing.tensors {
            table.add([
                printable(tensor.name), tensor.shape.map(String.init).joined(separator: " x "), tensor.dtype,
                String(tensor.byteCount),
            ])
        }
        table.lines().forEach { Console.out($0) }
    }
}
