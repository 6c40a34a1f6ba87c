import Foundation
import Storage
import Testing

/// Libraries know no command line: an HTTP interface has the same settings under other names.
@Suite struct FieldNameTests {
    private static let sources = TaperProgram.root + "/Sources"

    private static let libraries: [String] = {
        let all = FileManager.default.enumerator(atPath: sources)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            path.hasSuffix(".swift") && !path.hasPrefix("Tools/") && !path.hasPrefix("Runner/taper-run/")
                && !path.hasSuffix("SampleTexts.swift")
        }
    }()

    /// Long options in a literal; those of other programs are named with the program.
    @Test func noLibraryNamesAFlag() throws {
        #expect(Self.libraries.count > 200)
        for path in Self.libraries {
            let text = try String(contentsOfFile: Self.sources + "/" + path, encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let code = line.drop { $0 == " " }
                guard !code.hasPrefix("//"), !code.contains("llama-gguf-split") else { continue }
                #expect(
                    code.firstMatch(of: /"([^"]*[ (])?--[a-z]/) == nil,
                    "\(path):\(number + 1) names a flag; field(\"name\") leaves the word to the program")
            }
        }
    }

    /// Both programs turn a field into the flag that they take.
    @Test func programsNameTheirOwnFlags() throws {
        let bundle = TaperProgram.root + "/formats/golden/written/0.1.0-tiny.taper"
        let cases: [([String], String)] = [
            (["--temp", "-1"], "--temp: "), (["--top-p", "2"], "--top-p: "), (["-c", "4"], "--ctx-size"),
        ]
        for (flags, words) in cases {
            let outcome = try TaperProgram.runRunner(["-m", bundle, "-p", "Who was Noah?", "-n", "8"] + flags)
            #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome.errors)")
            #expect(!outcome.errors.unicodeScalars.contains { (0xe000...0xe001).contains($0.value) })
        }
        let cut = try TaperProgram.run(["convert", bundle, "-o", "/nowhere.taper", "--max-bits", "8"])
        #expect(cut.status == 64 && cut.errors.contains("--max-bits: "), "\(cut.errors)")
    }
}
