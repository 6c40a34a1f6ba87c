import Foundation
import Testing

/// What is public is what somebody wrote into the lists of `docs/api`, and no type of a module below shows in it.
@Suite struct PublicInterfaceTests {
    private struct Graph: Decodable {
        struct Symbol: Decodable {
            struct Kind: Decodable { let identifier: String }
            struct Fragment: Decodable {
                let spelling: String
                let preciseIdentifier: String?
            }
            let kind: Kind
            let pathComponents: [String]
            let declarationFragments: [Fragment]
            let docComment: Documentation?
        }
        struct Documentation: Decodable {}
        let symbols: [Symbol]
    }

    private static func graph(_ module: String) throws -> Graph {
        let build = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let folder = NSTemporaryDirectory() + "taper-symbols-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            ConversionTests.root + "/Scripts/symbol-graph.sh", module, build.path, folder,
        ]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "swift symbolgraph-extract failed")
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/\(module).symbols.json"))
        return try JSONDecoder().decode(Graph.self, from: data)
    }

    @Test(arguments: ["TaperRuntime", "TaperConvert"])
    func publicSymbolsAreThoseOfTheList(module: String) throws {
        let found =
            try Self.graph(module).symbols.map { symbol in
                symbol.pathComponents.joined(separator: ".") + "    "
                    + symbol.declarationFragments.map(\.spelling).joined().split(whereSeparator: \.isWhitespace)
                    .joined(separator: " ")
            }.sorted().joined(separator: "\n") + "\n"
        let path = ConversionTests.root + "/docs/api/\(module).txt"
        let listed = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        guard found != listed else { return }
        let written = NSTemporaryDirectory() + "\(module).txt"
        try found.write(toFile: written, atomically: true, encoding: .utf8)
        let (new, old) = (Set(found.split(separator: "\n")), Set(listed.split(separator: "\n")))
        Issue.record(
            """
            the public interface of \(module) is another; if that is meant: cp \(written) \(path)
            added: \(new.subtracting(old).sorted().joined(separator: "\n       "))
            gone:  \(old.subtracting(new).sorted().joined(separator: "\n       "))
            """)
    }

    /// Swift's symbols begin with the length of their module's name.
    @Test(arguments: ["TaperRuntime", "TaperConvert"])
    func noTypeOfAModuleBelowShows(module: String) throws {
        let symbols = try Self.graph(module).symbols
        #expect(symbols.count > 20)
        for symbol in symbols {
            for fragment in symbol.declarationFragments {
                guard let identifier = fragment.preciseIdentifier, identifier.hasPrefix("s:"),
                    identifier.dropFirst(2).first?.isNumber == true
                else { continue }
                #expect(
                    identifier.hasPrefix("s:12TaperRuntime") || identifier.hasPrefix("s:12TaperConvert"),
                    "\(symbol.pathComponents.joined(separator: ".")) shows \(fragment.spelling) (\(identifier))")
            }
        }
    }

    @Test(arguments: ["TaperRuntime", "TaperConvert"])
    func publicTypesAndFunctionsAreDocumented(module: String) throws {
        // Cases and properties may speak for themselves beside their neighbours.
        let kinds: Set<String> = [
            "swift.struct", "swift.class", "swift.enum", "swift.protocol", "swift.method", "swift.type.method",
            "swift.typealias",
        ]
        // What protocols ask for has their documentation.
        let known: Set<String> = [
            "next()", "next(isolation:)", "makeAsyncIterator()", "<(_:_:)", "==(_:_:)", "Element", "Failure",
            "Iterator",
            "Role",
        ]
        for symbol in try Self.graph(module).symbols
        where kinds.contains(symbol.kind.identifier) && !known.contains(symbol.pathComponents.last ?? "") {
            #expect(symbol.docComment != nil, "\(symbol.pathComponents.joined(separator: ".")) has no documentation")
        }
    }
}
