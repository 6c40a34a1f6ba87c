import Checkpoint
import Foundation
import Model
import Storage
import Testing

/// Digests follow the content of tensors: not names of files, sizes or times.
@Suite struct CheckpointDigestTests {
    private let directory: ScratchDirectory
    private let model = TinyModel()

    init() throws {
        directory = try ScratchDirectory()
        try model.write(to: directory)
    }

    private func digests(_ path: String? = nil, threads: Int = 1, nonfinite: Bool = false) throws -> [String: Digest] {
        let checkpoint = try Checkpoint.open(
            path ?? directory.path, options: .init(allowNonfinite: nonfinite))
        return try checkpoint.tensorDigests(inParallel: { count, body in
            if threads == 1 {
                for part in 0..<count { body(part) }
            } else {
                nonisolated(unsafe) let body = body
                DispatchQueue.concurrentPerform(iterations: count) { body($0) }
            }
        })
    }

    @Test func everyTensorHasOneAndTheFormOfTheFilesDoesNotCount() throws {
        let first = try digests()
        #expect(Set(first.keys) == Set(model.tensors.map(\.name)))
        #expect(try digests(threads: 4) == first)
        // Other order, other time, shards.
        try directory.write(Safetensors.file(model.tensors.reversed()), to: "model.safetensors")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: directory.path + "/model.safetensors")
        #expect(try digests() == first)
        try directory.remove("model.safetensors")
        try model.write(to: directory, shards: 3)
        #expect(try digests() == first)
    }

    @Test func oneBitOfOneTensorChangesItsDigestAlone() throws {
        let first = try digests()
        for index in model.tensors.indices {
            var other = model
            other.tensors[index].values[other.tensors[index].values.count - 1] += 0.125
            try other.write(to: directory)
            let now = try digests()
            #expect(first.keys.filter { first[$0] != now[$0] } == [model.tensors[index].name])
        }
    }

    @Test func howBytesAreReadCounts() throws {
        let first = try digests()
        #expect(try digests(nonfinite: true).values.allSatisfy { !first.values.contains($0) })
        var other = model
        // The same bytes as numbers of another type: halves and bfloats of zeros.
        for index in other.tensors.indices {
            other.tensors[index].values = other.tensors[index].values.map { _ in 0 }
            other.tensors[index].dtype = "F16"
        }
        try other.write(to: directory)
        let halves = try digests()
        for index in other.tensors.indices { other.tensors[index].dtype = "BF16" }
        try other.write(to: directory)
        let bfloats = try digests()
        #expect(halves.keys.allSatisfy { halves[$0] != bfloats[$0] })
    }
}
