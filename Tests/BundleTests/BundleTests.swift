import Bundle
import Kernels
import Model
import Storage
import Testing

/// What is written is read back in place.
@Suite struct BundleTests {
    private func opened(_ tiny: TinyBundle, _ body: (Bundle) throws -> Void) throws {
        try Scratch.with { (folder: String) throws in
            try tiny.write(to: folder + "/tiny.taper")
            try body(try Bundle(path: folder + "/tiny.taper"))
        }
    }

    private func array<T>(_ pointer: UnsafePointer<T>, _ count: Int) -> [T] {
        Array(UnsafeBufferPointer(start: pointer, count: count))
    }

    @Test(arguments: [[2], [2, 3], [2, 3, 4, 5, 6], [3, 6], [2, 8]])
    func everyTensorComesBackInPlace(_ precisions: [Int]) throws {
        for embedding in [nil, [4], [2, 6]] as [[Int]?] {
            for tied in [true, false] {
                let tiny = TinyBundle(precisions: precisions, embedding: embedding, tied: tied)
                try opened(tiny) { (bundle: Bundle) throws in
                    #expect(bundle.manifest.precisions == precisions)
                    #expect(bundle.manifest.model == tiny.model)
                    #expect(bundle.manifest.tensors == tiny.manifest.tensors)
                    #expect(bundle.verify().problems == [])
                    for plan in bundle.manifest.tensors { try check(plan, bundle) }
                }
            }
        }
    }

    private func check(_ plan: TensorPlan, _ bundle: Bundle) throws {
        switch plan.encoding {
        case .float: #expect(Array(try bundle.vector(plan.name)) == TinyBundle.vector(plan))
        case .int8:
            guard case .int8(let matrix) = try bundle.weights(plan.name).encoding else {
                Issue.record("\(plan.name) is not bytes")
                return
            }
            let packed = TinyBundle.int8(plan)
            #expect(array(matrix.values, packed.values.count) == packed.values)
            #expect(array(matrix.scales, packed.scales.count) == packed.scales)
        case .nested(_, let precisions):
            let weights = try bundle.weights(plan.name)
            guard case .nested(let matrix) = weights.encoding else {
                Issue.record("\(plan.name) is not nested")
                return
            }
            let packed = TinyBundle.nested(plan, precisions)
            #expect(weights.precisions == precisions)
            #expect(matrix.planes.count == packed.planes.count && matrix.tables.count == packed.tables.count)
            for (pointer, plane) in zip(matrix.planes, packed.planes) {
                #expect(Int(bitPattern: pointer) % 64 == 0)
                #expect(array(pointer, plane.count) == plane)
            }
            for (found, table) in zip(matrix.tables, packed.tables) {
                #expect(found.bits == table.bits)
                #expect(Int(bitPattern: found.entries) % 64 == 0 && Int(bitPattern: found.scales) % 64 == 0)
                #expect(array(found.entries, table.entries.count) == table.entries)
                #expect(array(found.scales, table.scales.count) == table.scales)
            }
            let codes = NestedLayout.unpack(
                planes: matrix.planes.enumerated().map { index, pointer in
                    array(
                        pointer, NestedLayout.planeByteCount(rows: plan.shape[0], columns: plan.shape[1], plane: index))
                }, rows: plan.shape[0], columns: plan.shape[1], bits: packed.bits)
            #expect(codes == TinyBundle.codes(plan, bits: packed.bits))
        }
    }

    @Test func theTiedHeadIsTheEmbedding() throws {
        try opened(TinyBundle()) { (bundle: Bundle) throws in
            guard case .int8(let head) = try bundle.weights(TensorName.head).encoding,
                case .int8(let embedding) = try bundle.weights(TensorName.embedding).encoding
            else {
                Issue.record("not bytes")
                return
            }
            #expect(head.values == embedding.values)
        }
    }

    @Test func unknownNamesAreErrors() throws {
        try opened(TinyBundle()) { (bundle: Bundle) throws in
            #expect(throws: TaperError(.badData, "")) { try bundle.weights("model.layers.9.mlp.up_proj.weight") }
            #expect(throws: TaperError(.badData, "")) { try bundle.weights(TensorName.finalNorm) }
            #expect(throws: TaperError(.badData, "")) { try bundle.vector(TensorName.embedding) }
            #expect(try bundle.json("quality") == nil)
        }
    }

    @Test func documentsAndTokenizerComeBack() throws {
        let schedule = TinyBundle.schedule([(0, 3), (16, 2)])
        var tiny = TinyBundle()
        tiny.documents.append(("schedules", .array([schedule.json])))
        try opened(tiny) { (bundle: Bundle) throws in
            #expect(try bundle.tokenizer() == tiny.tokenizer)
            #expect(try bundle.json("chat")?.text() == "{\"template\":\"plain\"}")
            #expect(try bundle.schedules().map { $0.json.text() } == [schedule.json.text()])
            #expect(bundle.manifest.provenance.text() == tiny.provenance.text())
        }
    }

    @Test func sectionsLieAtPagesInReadingOrder() throws {
        try opened(TinyBundle(precisions: [2, 3], embedding: [4])) { (bundle: Bundle) throws in
            #expect(bundle.sections.allSatisfy { $0.offset % 4096 == 0 })
            #expect(
                bundle.sections.map(\.name) == [
                    "manifest", "tokenizer", "chat", "vectors", "embedding.planes.2", "embedding.planes.3",
                    "embedding.planes.4", "embedding.tables.4", "linear.planes.2", "linear.tables.2",
                    "linear.planes.3", "linear.tables.3", "checksums",
                ])
        }
    }

    @Test func pagesOfUnusedPrecisionsCanBeGivenBack() throws {
        try opened(TinyBundle(precisions: [2, 3, 4])) { (bundle: Bundle) throws in
            bundle.willNeed(bits: 4)
            let sizes = bundle.sections.filter { $0.name.hasSuffix(".4") }.reduce(0) { $0 + $1.storedByteCount }
            #expect(bundle.releasePlanes(above: 3) == sizes)
            #expect(bundle.releasePlanes(above: 4) == 0)
            bundle.releaseUnread(bits: 3)
            // Given back is not gone.
            #expect(bundle.verify().isSound)
        }
    }

    @Test func sixteenBitsComeBackAndCanBeGivenBack() throws {
        let tiny = TinyBundle(precisions: [2, 4, 16])
        try opened(tiny) { (bundle: Bundle) throws in
            let pool = ThreadPool(threadCount: 1, instructionSet: .best)
            for plan in tiny.manifest.tensors {
                guard case .nested = plan.encoding else { continue }
                let matrix = try bundle.weights(plan.name)
                #expect(matrix.precisions == [2, 4, 16] && matrix.effectiveBits(8) == 4)
                var row = [Float](repeating: 0, count: plan.shape[1])
                let wanted = TinyBundle.halfWeights(plan)
                for index in 0..<plan.shape[0] {
                    matrix.dequantizeRow(index, bits: 16, into: &row, pool: pool)
                    #expect(row == Array(wanted[index * row.count..<(index + 1) * row.count]))
                }
            }
            // Half precision lies last, and only the head and embedding are read besides it at 16 bits.
            let names = bundle.sections.map(\.name)
            #expect(names.suffix(3) == ["linear.tables.4", "linear.half", "checksums"])
            let size = try #require(bundle.sections.first { $0.name == "linear.half" }).storedByteCount
            bundle.willNeed(bits: 16)
            #expect(bundle.releasePlanes(above: 8) == size)
            #expect(bundle.verify().isSound)
        }
    }

    @Test func writtenFileReplacedByAnotherStaysReadable() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/tiny.taper"
            try TinyBundle().write(to: path)
            let bundle = try Bundle(path: path)
            try TinyBundle(precisions: [4]).write(to: path, replacing: true)
            #expect(bundle.manifest.precisions == [2, 3] && bundle.verify().isSound)
            #expect(try Bundle(path: path).manifest.precisions == [4])
        }
    }
}
