public import Storage

extension HardwareDescription {
    public static let schema = "taper-hardware-1"

    private enum Keys {
        static let all = [
            "schema", "name", "note", "clock_mhz", "memory", "buffer", "multipliers", "array", "lookups", "vector",
            "prefill_rows", "operation_cycles", "switch_cycles", "static_watts",
        ]
        static let memory = ["megabytes_per_second", "latency_nanoseconds", "bytes", "picojoules_per_byte"]
        static let buffer = ["bytes", "slots", "table_bytes", "picojoules_per_byte"]
        static let multipliers = ["bits", "per_cycle", "picojoules"]
        static let array = ["rows", "columns", "dataflow"]
        static let lookups = ["per_cycle", "picojoules"]
        static let vector = ["lanes", "picojoules"]
    }

    private static let energy = 0.0...1e6
    private static let rate = 1...1 << 24

    /// Reads a description's file.
    /// - Throws: `noInput` without one; `badData` naming the key that is unknown, missing or out of range.
    public init(path: String) throws(TaperError) {
        let bytes = try Files.read(path, limit: 1 << 20)
        try self.init(json: try JSONValue.parse(bytes, place: path), place: path)
    }

    public init(json: JSONValue, place: String) throws(TaperError) {
        guard json["schema"]?.string == HardwareDescription.schema else {
            throw TaperError(
                .badData, "not a hardware description of this version", at: place,
                expected: "\"schema\": \"" + HardwareDescription.schema + "\"",
                found: json["schema"]?.text() ?? "none")
        }
        let fields = try DescriptionFields(json, place: place, keys: Keys.all)
        name = try fields.text("name")
        note = try fields.text("note", default: "")
        clockMegahertz = try fields.integer("clock_mhz", 1...100_000)
        let memory = try fields.object("memory", keys: Keys.memory)
        self.memory = Memory(
            megabytesPerSecond: try memory.integer("megabytes_per_second", 1...100_000_000),
            latencyNanoseconds: try memory.integer("latency_nanoseconds", 0...1_000_000, default: 0),
            byteCount: try memory.integer("bytes", 1...1 << 50),
            picojoulesPerByte: try memory.number("picojoules_per_byte", HardwareDescription.energy, default: 0))
        let buffer = try fields.object("buffer", keys: Keys.buffer)
        self.buffer = Buffer(
            byteCount: try buffer.integer("bytes", 1024...1 << 40),
            slotCount: try buffer.integer("slots", 1...64, default: 2),
            tableByteCount: try buffer.integer("table_bytes", 0...1 << 40, default: 0),
            picojoulesPerByte: try buffer.number("picojoules_per_byte", HardwareDescription.energy, default: 0))
        guard self.buffer.slotByteCount >= 4096 else {
            throw buffer.wrong("bytes", "at least 4096 for each of \(self.buffer.slotCount) slots")
        }
        let array = try HardwareDescription.array(fields)
        self.array = array
        multipliers = try HardwareDescription.multipliers(fields, array)
        lookups = nil
        if fields.has("lookups") {
            let lookups = try fields.object("lookups", keys: Keys.lookups)
            self.lookups = Lookups(
                perCycle: try lookups.integer("per_cycle", HardwareDescription.rate),
                picojoules: try lookups.number("picojoules", HardwareDescription.energy, default: 0))
        }
        let vector = try fields.object("vector", keys: Keys.vector)
        self.vector = VectorUnit(
            lanes: try vector.integer("lanes", HardwareDescription.rate),
            picojoules: try vector.number("picojoules", HardwareDescription.energy, default: 0))
        prefillRows = try fields.integer("prefill_rows", 1...65536)
        operationCycles = try fields.integer("operation_cycles", 0...1 << 30, default: 0)
        switchCycles = try fields.integer("switch_cycles", 0...1 << 30, default: 0)
        staticWatts = try fields.number("static_watts", 0...1e5, default: 0)
        _ = try TimeBase(self, place: place)
    }

    private static func array(_ fields: DescriptionFields) throws(TaperError) -> SystolicArray? {
        guard fields.has("array") else { return nil }
        let array = try fields.object("array", keys: Keys.array)
        let dataflow = try array.text("dataflow")
        guard let dataflow = SystolicArray.Dataflow(rawValue: dataflow) else {
            throw array.wrong("dataflow", "\"output_stationary\" or \"weight_stationary\"")
        }
        return SystolicArray(
            rows: try array.integer("rows", 1...4096), columns: try array.integer("columns", 1...4096),
            dataflow: dataflow)
    }

    private static func multipliers(_ fields: DescriptionFields, _ array: SystolicArray?) throws(TaperError)
        -> [Multipliers]
    {
        var all: [Multipliers] = []
        for item in try fields.objects("multipliers", keys: Keys.multipliers) {
            let unit = Multipliers(
                bits: try item.integer("bits", 2...BitWidth.half), perCycle: try item.integer("per_cycle", rate),
                picojoules: try item.number("picojoules", energy, default: 0))
            guard BitWidth.exists(unit.bits), unit.bits > all.last?.bits ?? 0 else {
                throw item.wrong("bits", "ascending, each 2 to 8 or 16")
            }
            if let array, array.size % unit.perCycle != 0 || array.size / unit.perCycle > 64 {
                throw item.wrong("per_cycle", "the array's \(array.size) multipliers, or a whole part down to a 64th")
            }
            all.append(unit)
        }
        guard all.last?.bits == BitWidth.half else {
            throw TaperError(
                .badData, "no multipliers for halves", at: fields.place + ": multipliers",
                expected: "a last entry of 16 bits, which attention needs", found: all.last.map { "\($0.bits)" } ?? "")
        }
        return all
    }

    /// What `init(json:place:)` reads.
    public var json: JSONValue {
        func object(_ keys: [String], _ values: [JSONValue]) -> JSONValue {
            .object(zip(keys, values).map { .init($0, $1) })
        }
        var members: [JSONValue.Member] = [
            .init("schema", .string(HardwareDescription.schema)), .init("name", .string(name)),
            .init("note", .string(note)), .init("clock_mhz", .integer(clockMegahertz)),
            .init(
                "memory",
                object(
                    Keys.memory,
                    [
                        .integer(memory.megabytesPerSecond), .integer(memory.latencyNanoseconds),
                        .integer(memory.byteCount), .number(memory.picojoulesPerByte),
                    ])),
            .init(
                "buffer",
                object(
                    Keys.buffer,
                    [
                        .integer(buffer.byteCount), .integer(buffer.slotCount), .integer(buffer.tableByteCount),
                        .number(buffer.picojoulesPerByte),
                    ])),
            .init(
                "multipliers",
                .array(
                    multipliers.map {
                        object(Keys.multipliers, [.integer($0.bits), .integer($0.perCycle), .number($0.picojoules)])
                    })),
        ]
        if let array {
            members.append(
                .init(
                    "array",
                    object(
                        Keys.array, [.integer(array.rows), .integer(array.columns), .string(array.dataflow.rawValue)])))
        }
        if let lookups {
            members.append(
                .init("lookups", object(Keys.lookups, [.integer(lookups.perCycle), .number(lookups.picojoules)])))
        }
        members += [
            .init("vector", object(Keys.vector, [.integer(vector.lanes), .number(vector.picojoules)])),
            .init("prefill_rows", .integer(prefillRows)), .init("operation_cycles", .integer(operationCycles)),
            .init("switch_cycles", .integer(switchCycles)), .init("static_watts", .number(staticWatts)),
        ]
        return .object(members)
    }
}
