import Simulation
import Storage
import Testing

@Suite struct HardwareDescriptionTests {
    static let names = (try? SampleFiles.names("samples/hardware")) ?? []

    @Test(arguments: names)
    func descriptionsOfTheSamplesAreReadAndWritten(_ name: String) throws {
        let hardware = try HardwareDescription(path: SampleFiles.root + "/samples/hardware/" + name)
        #expect(try HardwareDescription(json: hardware.json, place: "test") == hardware)
        #expect(!hardware.note.isEmpty)
    }

    @Test func thereAreTheFiveKindsOfHardware() {
        #expect(
            Self.names == [
                "datacentre.json", "edge-npu-16tops.json", "edge-npu-2tops.json", "phone.json", "raspberry-pi.json",
            ])
    }

    /// Objects of the schema, by the path to them in a description.
    private static let objects: [[String]] = [[], ["memory"], ["buffer"], ["array"], ["lookups"], ["vector"]]

    /// A description with one value put at a path of keys, or taken out.
    private func changed(_ json: JSONValue, _ path: ArraySlice<String>, to value: JSONValue?) -> JSONValue {
        guard let key = path.first else { return value ?? .null }
        var members = (json.members ?? []).filter { $0.key != key }
        if path.count > 1 || value != nil {
            members.append(.init(key, changed(json[key] ?? .object([]), path.dropFirst(), to: value)))
        }
        return .object(members)
    }

    private func failure(_ json: JSONValue) -> TaperError? {
        do throws(TaperError) {
            _ = try HardwareDescription(json: json, place: "board.json")
            return nil
        } catch {
            return error
        }
    }

    private func schema(_ path: [String]) throws -> JSONValue {
        var schema = try SampleFiles.json("formats/hardware.schema.json")
        for key in path { schema = try #require(schema["properties"]?[key]) }
        return schema
    }

    /// Every key of the schema: its bounds are the reader's, its kind too, and what it requires must be there.
    @Test(arguments: objects)
    func readerAndSchemaAgree(_ object: [String]) throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-16tops.json")
        #expect(failure(valid) == nil)
        let whole = try SampleFiles.json("formats/hardware.schema.json")
        let schema = try schema(object)
        let required = (schema["required"]?.array ?? []).compactMap(\.string)
        var checked = 0
        for property in schema["properties"]?.members ?? [] {
            let path = (object + [property.key])[...]
            var rule = property.value
            if let name = rule["$ref"]?.string?.split(separator: "/").last {
                rule = try #require(whole["$defs"]?[String(name)])
            }
            var wrong: [JSONValue] = [.array([.null])]
            if let least = rule["minimum"]?.integer { wrong.append(.integer(least - 1)) }
            if let most = rule["maximum"]?.integer { wrong.append(.integer(most + 1)) }
            if rule["type"]?.string == "integer" { wrong.append(.number(1.5)) }
            for value in wrong {
                let found = failure(changed(valid, path, to: value))
                #expect(found?.code == .badData, "\(path.joined(separator: ".")) = \(value.text())")
                #expect(found?.message.contains("board.json") == true)
                checked += 1
            }
            let missing = failure(changed(valid, path, to: nil))
            #expect((missing != nil) == required.contains(property.key), "\(path.joined(separator: "."))")
        }
        #expect(checked >= 3)
        let unknown = failure(changed(valid, (object + ["colour"])[...], to: .integer(1)))
        #expect(unknown?.code == .badData && unknown?.found == "\"colour\"")
    }

    @Test func multipliersAreInOrderAndEndWithHalves() throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-2tops.json")
        func multipliers(_ all: [(Int, Int)]) -> TaperError? {
            let list = all.map {
                JSONValue.object([.init("bits", .integer($0.0)), .init("per_cycle", .integer($0.1))])
            }
            return failure(changed(valid, ["multipliers"], to: .array(list)))
        }
        #expect(multipliers([(2, 8), (16, 1)]) == nil)
        #expect(multipliers([(8, 8)])?.message.contains("16 bits") == true)
        #expect(multipliers([(16, 8), (8, 8)])?.message.contains("ascending") == true)
        #expect(multipliers([(9, 8), (16, 8)])?.message.contains("2 to 8 or 16") == true)
        #expect(multipliers([])?.code == .badData)
    }

    @Test func anArrayIsSharedOnlyInWholeParts() throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-16tops.json")
        let list = JSONValue.array([.object([.init("bits", .integer(16)), .init("per_cycle", .integer(3000))])])
        #expect(failure(changed(valid, ["multipliers"], to: list))?.message.contains("8192") == true)
    }

    @Test func slotsHoldATile() throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-2tops.json")
        #expect(failure(changed(valid, ["buffer", "bytes"], to: .integer(8191)))?.message.contains("4096") == true)
    }

    @Test func aByteAndACycleNeedACommonMeasure() throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-2tops.json")
        let odd = changed(valid, ["memory", "megabytes_per_second"], to: .integer(99_999_989))
        #expect(failure(odd)?.remedy.contains("Round") == true)
    }

    @Test func otherVersionsAreRefused() throws {
        let valid = try SampleFiles.json("samples/hardware/edge-npu-2tops.json")
        #expect(failure(changed(valid, ["schema"], to: .string("taper-hardware-2")))?.found == "\"taper-hardware-2\"")
        #expect(failure(.array([]))?.code == .badData)
    }
}
