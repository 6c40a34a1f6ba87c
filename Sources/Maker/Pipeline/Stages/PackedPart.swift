import Kernels
import Model
import Storage

/// A tensor of the bundle: where its bytes come from.
enum PackedPart {
    case vector(TensorInput)
    case bytes(name: String, Artifact<PackedInt8>)
    /// - half: the weights themselves, which also stand in the bundle.
    case nested(name: String, Artifact<PackedMatrix>, half: TensorInput?)

    var name: String {
        switch self {
        case .vector(let tensor): tensor.name
        case .bytes(let name, _), .nested(let name, _, _): name
        }
    }

    /// What makes its codes.
    var stage: Stage? {
        switch self {
        case .vector: nil
        case .bytes(_, let codes): codes.stage
        case .nested(_, let codes, _): codes.stage
        }
    }
}

/// Tables that tuning has made for linear layers whose codes stay, by tensor.
struct TunedTables {
    var all: [String: [PackedTable]] = [:]

    /// The same codes with these tables.
    func applied(to matrix: PackedMatrix) throws(TaperError) -> PackedMatrix {
        guard let tables = all[matrix.name] else { return matrix }
        let expected = matrix.tables.map { [$0.bits, $0.entries.count, $0.scales.count] }
        guard tables.map({ [$0.bits, $0.entries.count, $0.scales.count] }) == expected else {
            throw TaperError(
                .internalFault, "the tuned tables are of another matrix", at: matrix.name, expected: "\(expected)")
        }
        return PackedMatrix(
            name: matrix.name, rows: matrix.rows, columns: matrix.columns, bits: matrix.bits, planes: matrix.planes,
            tables: tables)
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(all.count))
        for name in all.keys.sorted() {
            writer.u32(UInt32(name.utf8.count))
            writer.string(name)
            let tables = all[name] ?? []
            writer.u64(UInt64(tables.count))
            for table in tables { writer.table(table) }
        }
        return writer.bytes
    }

    init() {}

    init(bytes: [UInt8]) throws(TaperError) {
        all = try bytes.withBytes { raw throws(TaperError) -> [String: [PackedTable]] in
            var reader = ByteReader(raw, place: "stored tables")
            var all: [String: [PackedTable]] = [:]
            for _ in 0..<(try reader.count("tensors", limit: 1 << 20)) {
                let name = try reader.string(Int(try reader.u32("name length")), "name")
                var tables: [PackedTable] = []
                for _ in 0..<(try reader.count("tables", limit: 8)) { tables.append(try reader.table()) }
                all[name] = tables
            }
            return all
        }
    }
}
