import Kernels
import Storage

// How the store keeps a quantized tensor between runs; private to this version of the tool.
extension PackedMatrix {
    func workBytes() -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(UInt32(name.utf8.count))
        writer.string(name)
        for value in [rows, columns, bits, planes.count, tables.count] { writer.u64(UInt64(value)) }
        for plane in planes {
            writer.u64(UInt64(plane.count))
            writer.raw(plane)
        }
        for table in tables { writer.table(table) }
        return writer.bytes
    }

    init(workBytes bytes: [UInt8]) throws(TaperError) {
        self = try bytes.withBytes { raw throws(TaperError) -> PackedMatrix in
            var reader = ByteReader(raw, place: "stored tensor")
            let name = try reader.string(Int(try reader.u32("name length")), "name")
            let rows = try reader.count("rows", limit: 1 << 31)
            let columns = try reader.count("columns", limit: 1 << 31)
            let bits = try reader.count("bits", limit: 8)
            let planeCount = try reader.count("planes", limit: 8)
            let tableCount = try reader.count("tables", limit: 8)
            var planes: [[UInt8]] = []
            for _ in 0..<planeCount {
                let count = try reader.count("plane length", limit: reader.remaining)
                planes.append(Array(try reader.take(count, "plane")))
            }
            var tables: [PackedTable] = []
            for _ in 0..<tableCount { tables.append(try reader.table()) }
            return PackedMatrix(name: name, rows: rows, columns: columns, bits: bits, planes: planes, tables: tables)
        }
    }
}

extension PackedInt8 {
    func workBytes() -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(UInt32(name.utf8.count))
        writer.string(name)
        for value in [rows, columns, values.count] { writer.u64(UInt64(value)) }
        writer.raw(values)
        writer.floats(scales)
        return writer.bytes
    }

    init(workBytes bytes: [UInt8]) throws(TaperError) {
        self = try bytes.withBytes { raw throws(TaperError) -> PackedInt8 in
            var reader = ByteReader(raw, place: "stored tensor")
            let name = try reader.string(Int(try reader.u32("name length")), "name")
            let rows = try reader.count("rows", limit: 1 << 31)
            let columns = try reader.count("columns", limit: 1 << 31)
            let count = try reader.count("values", limit: reader.remaining)
            let values = Array(try reader.take(count, "values"))
            return PackedInt8(
                name: name, rows: rows, columns: columns, values: values, scales: try reader.floats("scales"))
        }
    }
}

extension ByteWriter {
    mutating func table(_ table: PackedTable) {
        u64(UInt64(table.bits))
        u64(UInt64(table.entries.count))
        raw(table.entries)
        floats(table.scales)
    }

    mutating func floats(_ values: [Float]) {
        u64(UInt64(values.count))
        values.withUnsafeBytes { raw($0) }
    }
}

extension ByteReader {
    mutating func table() throws(TaperError) -> PackedTable {
        let bits = try count("table bits", limit: 8)
        let entryCount = try count("table length", limit: remaining)
        let entries = Array(try take(entryCount, "table"))
        return PackedTable(bits: bits, entries: entries, scales: try floats("scales"))
    }

    mutating func floats(_ what: String) throws(TaperError) -> [Float] {
        let count = try count(what, limit: remaining / 4)
        let raw = try take(count * 4, what)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
            initialized = count
        }
    }
}
