import Bundle
import Foundation
import Model
import Pipeline
import Storage
import Testing

/// Two who change one bundle: one waits its turn, and no result is lost.
@Suite struct BundleEditTests {
    let folder: ScratchPath
    let bundle: String
    private let data = TaperProgram.root + "/samples/tasks/tiny.val.jsonl"

    init() throws {
        folder = try ScratchPath()
        bundle = folder.path + "/b.taper"
        try FileManager.default.copyItem(atPath: EvaluatedSample.shared.get().bundle, toPath: bundle)
    }

    private func calibrate(_ task: String) throws -> TaperProgram.Outcome {
        try TaperProgram.run([
            "calibrate", bundle, "--task", task, "--data", data, "--max-new-tokens", "2", "--examples", "1", "-t", "1",
            "--quiet",
        ])
    }

    @Test func onlyOneProcessAtATimeChangesABundle() throws {
        do {
            let edit = try BundleEdit(path: bundle)
            defer { withExtendedLifetime(edit) {} }
            #expect(throws: TaperError(.busy, "")) { try BundleEdit(path: bundle) }
            let other = try calibrate("one")
            #expect(other.status == 75)
            #expect(other.errors.contains("another process"))
            // By another name, too, and for whoever would replace the whole bundle.
            #expect(symlink(bundle, folder.path + "/link.taper") == 0)
            #expect(throws: TaperError(.busy, "")) { try BundleEdit(path: folder.path + "/link.taper") }
            let cut = try TaperProgram.run([
                "convert", EvaluatedSample.shared.get().bundle, "-o", bundle, "--max-bits", "2", "--force",
            ])
            #expect(cut.status == 75)
            let made = try TaperProgram.run([
                "convert", TaperProgram.root + "/samples/tiny", "-o", bundle, "--bits", "3", "--force",
                "--no-calibrate",
                "--work", folder.path + "/work",
            ])
            #expect(made.status == 75)
        }
        #expect(try calibrate("one").status == 0)
        #expect(try Files.list(folder.path).filter { $0.hasSuffix(".lock") } == [])
    }

    /// A process that is killed while it writes leaves its unfinished file; nobody else would know whose it was.
    @Test func whatAKilledWriterLeftGoesWithTheNextChange() throws {
        let remains = folder.path + "/.b.taper.partial-4194303"
        func leave() throws { try Data([1]).write(to: URL(fileURLWithPath: remains)) }
        try leave()
        #expect(try calibrate("one").status == 0)
        #expect(!Files.exists(remains))
        try leave()
        let cut = try TaperProgram.run([
            "convert", EvaluatedSample.shared.get().bundle, "-o", bundle, "--max-bits", "2", "--force", "--quiet",
        ])
        #expect(cut.status == 0, "\(cut.errors)")
        #expect(!Files.exists(remains))
    }

    @Test func twoCalibrationsAtOnceLoseNothing() throws {
        let command = "$TAPER calibrate $1 --data $2 --max-new-tokens 8 --examples 4 -t 1 --quiet --task"
        let outcome = try Shell.run(
            "\(command) one >/dev/null & first=$!; \(command) two >/dev/null & wait $first; a=$?; wait $!; echo $a $?",
            [bundle, data])
        let codes = outcome.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(codes.count == 2)
        #expect(codes.contains(0) && codes.allSatisfy { $0 == 0 || $0 == 75 })
        let tasks = try Bundle(path: bundle).schedules().map(\.task)
        for (task, code) in zip(["one", "two"], codes) { #expect(tasks.contains(task) == (code == 0)) }
        #expect(tasks.contains("answer"))
    }

    /// Somebody who keeps to no lock replaces the bundle while a task is calibrated: nothing of theirs is overwritten.
    @Test func aBundleThatChangedMeanwhileIsLeftAlone() throws {
        let edit = try BundleEdit(path: bundle)
        try cutBundle(from: bundle, to: bundle, maxBits: 4, replacing: true)
        let theirs = try Files.read(bundle, limit: 1 << 26)
        #expect(throws: TaperError(.busy, "")) {
            try BundleCalibration(edit, threads: 1, progress: Progress(.quiet)).findRungs(
                [Precision(hundredths: 250)], textPath: TaperProgram.root + "/samples/tiny/calibration.txt",
                checkpointPath: TaperProgram.root + "/samples/tiny")
        }
        #expect(try Files.read(bundle, limit: 1 << 26) == theirs)
    }
}
