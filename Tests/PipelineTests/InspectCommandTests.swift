import Foundation
import Storage
import Testing

/// `taper inspect` of checkpoints: whether they can be converted, before anything is tried.
@Suite struct InspectCommandTests {
    @Test func aCheckpointThatCanBeConvertedSaysSo() throws {
        let outcome = try TaperProgram.run(["inspect", TaperProgram.root + "/samples/tiny"])
        #expect(outcome.status == 0 && outcome.output.contains("can be converted: yes"), "\(outcome.errors)")
    }

    @Test func anotherIsShownWithTheReason() throws {
        let folder = try ScratchPath()
        let oracle = TaperProgram.root + "/Tests/Oracles/qwen3"
        let config = String(decoding: try Files.read(oracle + "/config.json", limit: 1 << 20), as: UTF8.self)
            .replacingOccurrences(of: "Qwen3ForCausalLM", with: "MambaForCausalLM")
        try AtomicFile.write(Array(config.utf8), to: folder.path + "/config.json", replacing: true)
        try AtomicFile.write(
            try Files.read(oracle + "/model.safetensors", limit: 1 << 24), to: folder.path + "/model.safetensors",
            replacing: true)
        let shown = try TaperProgram.run(["inspect", folder.path])
        #expect(shown.status == 0 && shown.output.contains("can be converted: no; "), "\(shown.errors)")
        #expect(shown.output.contains("unknown architecture") && shown.output.contains("MambaForCausalLM"))
        let json = try TaperProgram.run(["inspect", folder.path, "--json"]).json
        #expect(json["convertible"]?.bool == false && json["obstacle"]?.string?.contains("Mamba") == true)
    }

    /// People download GGUF files into a folder and name the folder.
    @Test func aFolderThatHoldsOnlyAGGUFFileNamesIt() throws {
        let scratch = try ScratchPath()
        // A name to be typed is never cut.
        let folder = scratch.path + "/" + String(repeating: "models", count: 30)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try AtomicFile.write([1, 2, 3], to: folder + "/model-q8_0.gguf", replacing: true)
        for command in [["inspect", folder], ["convert", folder, "-o", folder + "/a.taper", "--dry-run"]] {
            let outcome = try TaperProgram.run(command)
            #expect(outcome.status == 65 && outcome.errors.contains("Name the file: "), "\(outcome.errors)")
            #expect(outcome.errors.contains(folder + "/model-q8_0.gguf"), "\(outcome.errors)")
        }
    }

    @Test func aBundleIsNoCheckpointAndTheErrorSaysWhatItCanBe() throws {
        let folder = try ScratchPath()
        let bundle = TaperProgram.root + "/formats/golden/written/0.1.0-tiny.taper"
        let outcome = try TaperProgram.run(["convert", bundle, "-o", folder.path + "/a.taper", "--dry-run"])
        #expect(outcome.status == 64 && outcome.errors.contains("--max-bits"), "\(outcome.errors)")
    }

    /// Results too: a name with an escape sequence must not move the cursor of whoever reads them.
    @Test func namesWithControlCharactersAreEscaped() throws {
        let bundle = TaperProgram.root + "/formats/golden/written/0.1.0-tiny.taper"
        let script = #"d="$2/$(printf 'b\377d\033[31m\nx')"; mkdir "$d"; cp "$1" "$d/t.taper"; "#
        for command in [#"$TAPER inspect "$d/t.taper""#, #"$TAPER bench "$d/t.taper" -p "$d""#] {
            let folder = try ScratchPath()
            try Files.createDirectory(folder.path)
            let outcome = try Shell.run(script + command, [bundle, folder.path])
            let said = outcome.output + outcome.errors
            #expect(outcome.status == (command.contains("bench") ? 64 : 0), "\(said)")
            #expect(said.contains(#"b\xffd\u{1b}[31m\u{a}x"#) && !said.contains("\u{1b}"), "\(said)")
        }
    }
}
