import Foundation
import Testing

/// Imports point down only. The table is the one in CONTRIBUTING.md; a module may import less than its row allows.
@Suite struct LayerTests {
    static let allowed: [String: Set<String>] = [
        "Storage": ["CPlatform", "CZstd", "CJSON"],
        "Model": ["Storage"],
        "Kernels": ["CKernels", "CPlatform", "Storage"],
        "Bundle": ["Kernels", "Model", "Storage"],
        "Text": ["Storage"],
        "Runtime": ["Bundle", "Text", "Kernels", "Model", "Storage"],
        "taper-run": ["Runtime", "Bundle", "Text", "Kernels", "Model", "Storage", "CPlatform"],
        "Jinja": ["Storage"],
        "Checkpoint": ["Storage", "Model", "Text", "Jinja", "Foundation"],
        "Reference": ["Checkpoint", "Kernels", "Model", "Storage", "COpenBLAS", "CGradient", "Foundation"],
        "Quantization": [
            "Checkpoint", "Reference", "Bundle", "Kernels", "Model", "Storage", "CQuantization", "Foundation",
        ],
        "Evaluation": [
            "Runtime", "Reference", "Bundle", "Text", "Checkpoint", "Kernels", "Model", "Storage", "Foundation",
        ],
        "Calibration": [
            "Evaluation", "Runtime", "Reference", "Bundle", "Text", "Checkpoint", "Kernels", "Model", "Storage",
            "Foundation",
        ],
        "Pipeline": [
            "Calibration", "Evaluation", "Quantization", "Reference", "Checkpoint", "Runtime", "Bundle", "Text",
            "Kernels", "Model", "Storage", "Foundation",
        ],
    ]

    static var sources: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
    }

    static func imports(of module: String) throws -> [(file: String, imported: String)] {
        var found: [(file: String, imported: String)] = []
        let folder = sources.appendingPathComponent(module)
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard let at = words.firstIndex(of: "import"), words.count > at + 1,
                    words[..<at].allSatisfy({
                        ["public", "internal", "package", "private", "@preconcurrency"].contains($0)
                    })
                else { continue }
                found.append((file.lastPathComponent, words[at + 1]))
            }
        }
        return found
    }

    @Test(arguments: allowed.keys.sorted())
    func moduleImportsOnlyWhatItsLayerAllows(module: String) throws {
        let imports = try Self.imports(of: module)
        #expect(!imports.isEmpty, "\(module) has no sources, or the parser of this test is broken")
        for (file, imported) in imports {
            #expect(Self.allowed[module]?.contains(imported) == true, "\(module)/\(file) imports \(imported)")
        }
    }

    @Test func everyModuleHasARow() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
        let cModules = folders.filter { $0.hasPrefix("C") && $0 != "Checkpoint" && $0 != "Calibration" }
        // The command line may import everything.
        #expect(Set(folders) == Set(Self.allowed.keys).union(cModules).union(["taper"]))
    }

    @Test func commandLineParsesNoBytes() throws {
        let forbidden: Set<String> = ["CKernels", "CPlatform", "CZstd", "CJSON", "COpenBLAS"]
        for (file, imported) in try Self.imports(of: "taper") {
            #expect(!forbidden.contains(imported), "taper/\(file) imports \(imported)")
        }
    }
}
