import Foundation
import FuzzTargets
import Testing

/// What fuzzers once found, fed to the same readers: `Tests/Fuzz/crashes/<target>/<case>`. A reader must throw or succeed; one that
/// traps or reads out of bounds ends the test program, as it ended the fuzzer.
@Suite(.serialized) struct FuzzReplayTests {
    static let root = FuzzTarget.root + "/Tests/Fuzz/"

    static func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
            .map { folder + "/" + $0 }
    }

    @Test func everyFolderBelongsToATarget() throws {
        for path in try Self.files(Self.root + "crashes") {
            let name = URL(fileURLWithPath: path).lastPathComponent
            if name == "README.md" { continue }
            #expect(FuzzTarget.named(name) != nil, "\(name)")
        }
        #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
    }

    @Test(arguments: FuzzTarget.all.map(\.name)) func whatWasFoundIsFoundNoMore(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let folder = Self.root + "crashes/" + name
        guard FileManager.default.fileExists(atPath: folder) else { return }
        let scratch = Scratch()
        for path in try Self.files(folder) {
            target.feed([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))), in: scratch)
        }
    }

    /// A target whose seeds are all refused would fuzz nothing but the first check.
    @Test(arguments: FuzzTarget.all.map(\.name)) func everyTargetAcceptsSomeOfItsSeeds(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let scratch = Scratch()
        let seeds = try target.seedPaths()
        #expect(!seeds.isEmpty)
        let accepted = try seeds.filter {
            target.feed([UInt8](try Data(contentsOf: URL(fileURLWithPath: $0))), in: scratch)
        }
        #expect(!accepted.isEmpty)
    }

    @Test(arguments: FuzzTarget.all.map(\.name)) func damagedSeedsAreReadOrRefused(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let scratch = Scratch()
        let seed = try #require(try target.seedPaths().first)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: seed)))
        // Cut at every sixteenth, and at its first bytes.
        for count in Set((0...16).map { bytes.count * $0 / 16 } + Array(0..<min(9, bytes.count))) {
            target.feed(Array(bytes[..<count]), in: scratch)
        }
        // Bits of the first bytes, where headers are, and some throughout.
        let step = max(1, bytes.count / 64)
        for at in Array(0..<min(64, bytes.count)) + Array(stride(from: 0, to: bytes.count, by: step)) {
            for bit in [0, 5, 7] {
                var damaged = bytes
                damaged[at] ^= 1 << UInt8(bit)
                target.feed(damaged, in: scratch)
            }
        }
    }
}
