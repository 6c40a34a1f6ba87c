import Foundation
import Pipeline
import Storage
import Testing

/// `--force` replaces an old result, never what the new one is made of.
@Suite struct InputFilesTests {
    let folder: ScratchPath
    let inputs: InputFiles
    private let names = [
        "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "README.md",
    ]

    /// A checkpoint as a hub's cache keeps it: files are links into `blobs`.
    init() throws {
        folder = try ScratchPath()
        for part in ["blobs", "snapshots", "texts"] { try Files.createDirectory(folder.path + "/" + part) }
        for (index, name) in names.enumerated() {
            try AtomicFile.write([UInt8(index)], to: folder.path + "/blobs/\(index)", replacing: false)
            #expect(symlink("../blobs/\(index)", folder.path + "/snapshots/" + name) == 0)
        }
        try AtomicFile.write([1], to: folder.path + "/texts/text.txt", replacing: false)
        try AtomicFile.write([1], to: folder.path + "/texts/old.taper", replacing: false)
        var inputs = InputFiles()
        inputs.add(model: folder.path + "/snapshots", as: "the checkpoint")
        inputs.add(folder.path + "/texts/text.txt", as: "the calibration text")
        inputs.add(folder.path + "/absent", as: "the recipe")
        inputs.add(nil, as: "nothing")
        self.inputs = inputs
    }

    private func refused(_ path: String) -> String? {
        do throws(TaperError) {
            try inputs.check(output: path, remedy: "Choose another name")
            return nil
        } catch {
            return error.code == .usage ? error.message : nil
        }
    }

    @Test func everyFileOfACheckpointIsKept() {
        for (index, name) in names.enumerated() {
            #expect(refused(folder.path + "/snapshots/" + name)?.contains("a file of the checkpoint") == true)
            #expect(refused(folder.path + "/blobs/\(index)")?.contains(name) == true)
        }
    }

    @Test func linksOfBothKindsAndOtherSpellingsAreSeenThrough() throws {
        let text = folder.path + "/texts/text.txt"
        #expect(symlink(text, folder.path + "/soft") == 0)
        #expect(link(text, folder.path + "/hard") == 0)
        for path in [
            text, folder.path + "/soft", folder.path + "/hard", folder.path + "/texts/../texts//./text.txt",
        ] {
            #expect(refused(path)?.contains("the calibration text") == true)
        }
    }

    @Test func otherFilesMayBeReplaced() {
        #expect(refused(folder.path + "/texts/old.taper") == nil)
        #expect(refused(folder.path + "/new.taper") == nil)
        #expect(refused(folder.path + "/absent") == nil)
    }

    @Test func partsOfASplitFileBelongTogether() throws {
        for name in ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "other.gguf", "old.taper"] {
            try AtomicFile.write([0], to: folder.path + "/" + name, replacing: false)
        }
        var inputs = InputFiles()
        inputs.add(model: folder.path + "/m-00001-of-00002.gguf", as: "the checkpoint")
        for (name, isPart) in [("m-00002-of-00002.gguf", true), ("other.gguf", false), ("old.taper", false)] {
            let result = Result { () throws(TaperError) in
                try inputs.check(output: folder.path + "/" + name, remedy: "")
            }
            #expect((try? result.get()) == nil ? isPart : !isPart, "\(name)")
        }
    }

    /// Every command that writes: nothing is changed, and the refusal comes before work.
    @Test func commandsRefuseBeforeTheyWork() throws {
        let script = """
            cp -r $1 $2/model; cp $1/calibration.txt $2/text.txt; cd $2
            printf '{"schema":"taper-recipe-1","precisions":[2,3],"tasks":[{"name":"a","data":"data.jsonl"}]}' > recipe.json
            cp $3 data.jsonl; cp $4 bundle.taper; ln bundle.taper hard.taper; ln -s model/config.json soft.taper
            mkdir report; ln text.txt report/perplexity.md; ln -s ../bundle.taper report/schedules-x.svg
            ln data.jsonl report/generate.json; ln bundle.taper report/compare.svg
            before=$(find . -type f -exec md5sum {} + | sort)
            refuse() { "$@" >/dev/null 2>error; code=$?; [ $code = 64 ] && grep -q "the output is" error || { echo "$@: $code"; cat error; }; rm error; }
            for output in soft.taper model/README.md ./model/../model/model.safetensors text.txt recipe.json data.jsonl; do
              refuse $TAPER convert model -o $output --force --recipe recipe.json --calibration text.txt
            done
            refuse $TAPER convert bundle.taper -o hard.taper --force --max-bits 2
            refuse $TAPER convert bundle.taper -o bundle.taper --force --max-bits 2
            refuse $TAPER eval perplexity model -f text.txt --report report
            refuse $TAPER eval kl bundle.taper --reference model -f text.txt --report report
            refuse $TAPER eval generate bundle.taper --data data.jsonl --report report
            refuse $TAPER eval compare bundle.taper model -f text.txt --report report
            refuse $TAPER eval schedules bundle.taper --data data.jsonl --reference model --report report
            refuse $TAPER calibrate text.txt --rungs 2.5 --calibration text.txt --reference model
            refuse $TAPER calibrate model/model.safetensors --task a --data data.jsonl --reference model
            [ "$before" = "$(find . -type f -exec md5sum {} + | sort)" ] || echo changed
            """
        let outcome = try Shell.run(
            script,
            [
                TaperProgram.root + "/samples/tiny", folder.path, TaperProgram.root + "/samples/tasks/tiny.val.jsonl",
                try EvaluatedSample.shared.get().bundle,
            ])
        #expect(outcome.output == "" && outcome.errors == "")
    }
}
