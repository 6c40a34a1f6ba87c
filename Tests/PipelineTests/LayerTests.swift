import Foundation
import Testing

/// Imports point down only. The table stands in CONTRIBUTING.md; a module may import less than its row allows.
@Suite struct LayerTests {
    struct Module {
        let folder: String
        let allowed: Set<String>
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static var sources: URL { root.appendingPathComponent("Sources") }

    /// The rows "| folder | modules | imports |" of CONTRIBUTING.md, in their order.
    static let rows: [(name: String, module: Module)] = {
        func names(_ cell: Substring) -> [String] {
            cell.split(separator: "`").map(String.init).filter { $0.contains(where: \.isLetter) }
        }
        let text = (try? String(contentsOf: root.appendingPathComponent("CONTRIBUTING.md"), encoding: .utf8)) ?? ""
        let folders = ["C", "Runner", "Maker", "Judge", "Library", "Tools"]
        return text.split(separator: "\n").flatMap { line -> [(String, Module)] in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 5 else { return [] }
            let folder = cells[1].trimmingCharacters(in: .whitespaces)
            guard folders.contains(folder) else { return [] }
            return names(cells[2]).map { ($0, Module(folder: folder, allowed: Set(names(cells[3])))) }
        }
    }()
    static let table = Dictionary(rows.map { ($0.name, $0.module) }, uniquingKeysWith: { first, _ in first })

    static func files(of module: String) throws -> [URL] {
        let folder = sources.appendingPathComponent(try #require(table[module]).folder).appendingPathComponent(module)
        return (FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? [])
            .compactMap { $0 as? URL }
    }

    /// Modules that Swift files import, and headers of other modules that C files include.
    static func imports(of module: String) throws -> [(file: String, imported: String)] {
        var found: [(file: String, imported: String)] = []
        let modifiers: Set<String> = ["public", "internal", "package", "private", "@preconcurrency"]
        for file in try files(of: module) {
            let isSwift = file.pathExtension == "swift"
            guard isSwift || ["c", "h", "inc"].contains(file.pathExtension) else { continue }
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                if isSwift {
                    guard let at = words.firstIndex(of: "import"), words.count > at + 1,
                        words[..<at].allSatisfy(modifiers.contains)
                    else { continue }
                    found.append((file.lastPathComponent, words[at + 1]))
                } else if words.count > 1, words[0] == "#include", words[1].hasPrefix("\"") {
                    let header = words[1].split(separator: "/").last.map(String.init) ?? ""
                    let name = header.trimmingCharacters(in: ["\""]).split(separator: ".").first.map(String.init) ?? ""
                    if table[name] != nil, name != module { found.append((file.lastPathComponent, name)) }
                }
            }
        }
        return found
    }

    @Test(arguments: rows.map(\.name))
    func moduleImportsOnlyWhatItsLayerAllows(module: String) throws {
        let allowed = try #require(Self.table[module]).allowed
        #expect(try !Self.files(of: module).isEmpty, "\(module) has no sources")
        let imports = try Self.imports(of: module)
        #expect(allowed.isEmpty || !imports.isEmpty, "this test parses wrongly, or \(module) needs no imports")
        for (file, imported) in imports {
            #expect(allowed.contains(imported), "\(module)/\(file) imports \(imported)")
        }
    }

    /// Every folder is in the table and every row is a folder: a new module cannot pass unchecked.
    @Test func everyModuleHasARow() throws {
        var found: [String: String] = [:]
        for folder in try FileManager.default.contentsOfDirectory(atPath: Self.sources.path) {
            let path = Self.sources.appendingPathComponent(folder).path
            for module in try FileManager.default.contentsOfDirectory(atPath: path) { found[module] = folder }
        }
        #expect(found == Self.table.mapValues(\.folder))
        #expect(Self.rows.count == Self.table.count, "a module has two rows")
    }

    /// A row may name only modules of rows above it, or what is not ours: imports cannot form a circle.
    @Test func importsPointDown() {
        let foreign: Set<String> = [
            "Foundation", "Dispatch", "Synchronization", "ArgumentParser", "Hummingbird", "HummingbirdCore",
            "HTTPTypes", "Logging", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "ServiceLifecycle",
            "UnixSignals",
        ]
        var above = foreign
        for (name, module) in Self.rows {
            let unknown = module.allowed.subtracting(above)
            #expect(unknown.isEmpty, "\(name) may import \(unknown.sorted()), which stand below it")
            above.insert(name)
        }
    }

    /// What runs on the device stands on nothing but C.
    @Test func runnerStandsAlone() {
        for (name, module) in Self.rows where module.folder == "Runner" {
            for imported in module.allowed {
                let folder = Self.table[imported]?.folder
                #expect(folder == "Runner" || folder == "C", "\(name) may import \(imported)")
            }
        }
    }
}
