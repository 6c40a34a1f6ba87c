import Bundle
import struct Foundation.Data
import class Foundation.FileHandle
import struct Foundation.URL
import Model
import Storage
import Testing

/// Hostile and damaged files: refused with the right kind of error and a message that says what, never a crash.
@Suite struct HostileTests {
    @Test(arguments: HostileCase.all)
    func isRefusedByName(_ hostile: HostileCase) throws {
        let error = try #require(try Scratch.failure(try hostile.make()), "accepted")
        #expect(error.code == hostile.code)
        #expect(error.message.contains(hostile.says), "\(error.message)")
        #expect(error.message.contains("case.taper"), "\(error.message)")
        #expect(!error.message.contains("\n"))
    }

    @Test func caseNamesAreUnique() {
        #expect(Set(HostileCase.all.map(\.name)).count == HostileCase.all.count)
    }

    @Test func aSwitchPointBeyondTheContextIsRefused() throws {
        var tiny = TinyBundle()
        tiny.documents = [("schedules", .array([TinyBundle.schedule([(0, 3), (47, 2)]).json]))]
        #expect(try Scratch.failure(try tiny.bytes()) == nil)
        var late = TinyBundle.schedule([(0, 3), (64, 2)])
        late.maxNewTokens = 100
        tiny.documents = [("schedules", .array([late.json]))]
        let error = try Scratch.failure(try tiny.bytes())
        #expect(error?.message.contains("beyond the last step") == true)
    }

    @Test func optionalFeaturesAreIgnored() throws {
        var forge = Forge(try HostileCase.base.bytes())
        forge.optional = .max
        #expect(try Scratch.failure(forge.bytes()) == nil)
    }

    @Test func unknownSectionsAndManifestKeysAreIgnored() throws {
        var forge = Forge(try HostileCase.base.bytes())
        try forge.add("rungs.future", json: "[1]")
        try forge.edit("manifest", "\"schema\"", "\"rungs\":{\"a\":1},\"schema\"")
        #expect(try Scratch.failure(forge.bytes()) == nil)
    }

    @Test func theForgeAgreesWithTheWriter() throws {
        let bytes = try TinyBundle().bytes()
        #expect(Forge(bytes).bytes() == bytes)
    }

    @Test func truncationAnywhereIsRefused() throws {
        let bytes = try HostileCase.base.bytes()
        var noise = TinyBundle.Noise("truncation")
        var lengths = Set((0..<1000).map { _ in Int(noise.next()) % bytes.count })
        for boundary in stride(from: 0, to: bytes.count, by: 4096) {
            for length in boundary - 1...boundary + 1 where length >= 0 { lengths.insert(length) }
        }
        try Scratch.with { (folder: String) throws in
            let path = folder + "/case.taper"
            for length in lengths.sorted().reversed() {
                try Data(bytes[0..<length]).write(to: URL(fileURLWithPath: path))
                #expect(Scratch.failure(path: path)?.code == .badData, "length \(length)")
            }
        }
    }

    /// Every byte of the file, one flip each: found at opening or by `verify`, with section and offset.
    @Test func everyFlippedByteIsFound() throws {
        let tiny = HostileCase.base
        // Debug builds parse slowly; tests that gate a change run in release.
        #if DEBUG
        let step = 13
        #else
        let step = 1
        #endif
        try Scratch.with { (folder: String) throws in
            let path = folder + "/case.taper"
            try tiny.write(to: path)
            let sections = try Bundle(path: path).sections
            let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            let bytes = try Files.read(path, limit: 1 << 20)
            func put(_ byte: UInt8, _ offset: Int) throws {
                try handle.seek(toOffset: UInt64(offset))
                try handle.write(contentsOf: [byte])
            }
            var silent: [Int] = []
            var unplaced: [Int] = []
            for offset in stride(from: 0, to: bytes.count, by: step) {
                try put(bytes[offset] ^ UInt8(1 << (offset % 8)), offset)
                if let error = Scratch.failure(path: path) {
                    if let section = sections.first(where: { $0.range.contains(offset) }),
                        !error.message.contains("section " + section.name)
                    {
                        unplaced.append(offset)
                    }
                } else {
                    silent.append(offset)
                }
                try put(bytes[offset], offset)
            }
            #expect(silent.isEmpty)
            #expect(unplaced.isEmpty)
            #expect(Scratch.failure(path: path) == nil)
        }
    }

    /// Sections of several blocks: the message names the block's place in the file.
    @Test func damageInALargeSectionIsLocated() throws {
        var noise = TinyBundle.Noise("large")
        var tiny = HostileCase.base
        tiny.tokenizer = noise.bytes(3_500_000, below: 256)
        try Scratch.with { (folder: String) throws in
            let path = folder + "/case.taper"
            try tiny.write(to: path)
            let bundle = try Bundle(path: path)
            let section = try #require(bundle.sections.first { $0.name == "tokenizer" })
            #expect(section.storedByteCount > 3 << 20)
            #expect(try bundle.tokenizer() == tiny.tokenizer)
            #expect(bundle.verify().isSound)
            let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            try handle.seek(toOffset: UInt64(section.offset + (2 << 20) + 77))
            let old = try #require(try handle.read(upToCount: 1))
            try handle.seek(toOffset: UInt64(section.offset + (2 << 20) + 77))
            try handle.write(contentsOf: [old[old.startIndex] ^ 4])
            let problems = try Bundle(path: path).verify().problems
            let place = "between bytes \(section.offset + (2 << 20)) and \(section.offset + (3 << 20)) of the file"
            #expect(problems.count == 1)
            #expect(problems.first?.contains("section tokenizer") == true && problems.first?.contains(place) == true)
        }
    }

    @Test func otherKindsOfFileAreNamedAsSuch() throws {
        for text in ["GGUF\u{3}\0\0\0", "<!DOCTYPE html>", "version https://git-lfs.github.com/spec/v1\n", "{}"] {
            let error = try #require(try Scratch.failure(Array(text.utf8)))
            #expect(error.code == .badData)
        }
        try Scratch.with { (folder: String) throws in
            #expect(Scratch.failure(path: folder)?.code == .noInput)
            #expect(Scratch.failure(path: folder + "/none.taper")?.code == .noInput)
        }
    }

    /// A file that shrinks under the mapping ends the program with a message and status 74, not by a signal.
    @Test func aFileCutWhileMappedEndsTheProgramWithAMessage() async {
        await #expect(processExitsWith: .exitCode(74)) {
            try Scratch.with { (folder: String) throws in
                let path = folder + "/case.taper"
                try HostileCase.base.write(to: path)
                let bundle = try Bundle(path: path)
                let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
                try handle.truncate(atOffset: 4096)
                _ = bundle.verify()
            }
        }
    }
}
