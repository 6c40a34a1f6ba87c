import Foundation
import Testing

import Page

/// The page's files hold to what its security policy demands, and to each other.
@Suite struct PageFileTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Tools/Page/Files")
    static let everyFile = [PageFile.document] + PageFile.all.values.sorted { $0.name < $1.name }
    static let scripts = everyFile.filter { $0.name.hasSuffix(".js") }
    static let document = text(PageFile.document)

    static func text(_ file: PageFile) -> String { String(decoding: file.bytes, as: UTF8.self) }

    /// First groups of all matches.
    static func matches(_ pattern: String, in text: String) throws -> [String] {
        try text.matches(of: Regex(pattern)).map { String($0.output[1].substring ?? "") }
    }

    @Test func theProgramHoldsTheFolder() throws {
        let styles = ["base.css", "layout.css", "bits.css", "views.css"]
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(names).subtracting(styles).union(["style.css"]) == Set(Self.everyFile.map(\.name)))
        let joined = try styles.reduce(Data()) {
            $0 + (try Data(contentsOf: Self.folder.appendingPathComponent($1)))
        }
        #expect(try Data(#require(PageFile.all["style.css"]).bytes) == joined)
        for file in Self.everyFile where file.name != "style.css" {
            #expect(
                try Data(contentsOf: Self.folder.appendingPathComponent(file.name)) == Data(file.bytes), "\(file.name)")
        }
    }

    @Test func everyFileHasItsTypeAndTag() {
        let types = ["html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"]
        for file in Self.everyFile {
            let type = types[file.name.split(separator: ".").last.map(String.init) ?? ""]
            #expect(type.map { file.contentType.hasPrefix($0) } == true, "\(file.name): \(file.contentType)")
        }
        #expect(Set(Self.everyFile.map(\.tag)).count == Self.everyFile.count)
        #expect(Self.everyFile.allSatisfy { $0.tag.hasPrefix("\"") && $0.tag.hasSuffix("\"") && $0.tag.count > 8 })
    }

    /// What the policy would block would only be seen in a browser.
    @Test func nothingStandsInTheDocumentThatThePolicyForbids() throws {
        #expect(try Self.matches("(<style|<script(?![^>]*src=)|\\son[a-z]+=|\\sstyle=)", in: Self.document).isEmpty)
        for part in ["'none'", "'self'"] { #expect(PageFile.securityPolicy.contains(part)) }
        for part in ["unsafe", "*", "http"] { #expect(!PageFile.securityPolicy.contains(part)) }
    }

    /// Text becomes markup nowhere, and no text is run.
    @Test(arguments: scripts.map(\.name))
    func textStaysText(name: String) throws {
        let script = Self.text(try #require(PageFile.all[name]))
        for word in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "Function(",
        ] {
            #expect(!script.contains(word), "\(word)")
        }
        #expect(try Self.matches("(set(?:Timeout|Interval)\\(\\s*[\"'`])", in: script).isEmpty)
    }

    @Test(arguments: everyFile.map(\.name))
    func nothingLeadsToAnotherOrigin(name: String) throws {
        let file = try #require(Self.everyFile.first { $0.name == name })
        let addresses = try Self.matches("((?:https?:)?//[a-z][^\\s\"'`)]*)", in: Self.text(file))
        // The name of a kind of markup is no address.
        #expect(addresses.allSatisfy { $0 == "http://www.w3.org/2000/svg" }, "\(addresses)")
        let stored = ["localStorage", "sessionStorage", "indexedDB", "document.cookie", "sendBeacon", "WebSocket"]
        for word in stored { #expect(!Self.text(file).contains(word), "\(word)") }
    }

    @Test func whatFilesNameIsThere() throws {
        let named = try Self.matches("(?:src|href)=\"/page/([^\"]*)\"", in: Self.document)
        #expect(named.count >= 3)
        for name in named { #expect(PageFile.all[name] != nil, "\(name)") }
        for script in Self.scripts {
            for name in try Self.matches("from \"\\./([^\"]*)\"", in: Self.text(script)) {
                #expect(PageFile.all[name] != nil, "\(script.name) imports \(name)")
            }
        }
    }

    /// Elements that scripts look for are in the document, once.
    @Test func whatScriptsFindIsThere() throws {
        let ids = try Self.matches("\\sid=\"([^\"]*)\"", in: Self.document)
        #expect(Set(ids).count == ids.count)
        let sought = try Self.scripts.flatMap { try Self.matches("find\\(\"([^\"]*)\"\\)", in: Self.text($0)) }
        #expect(sought.count > 40)
        for id in sought { #expect(ids.contains(id), "\(id)") }
        for label in try Self.matches("\\sfor=\"([^\"]*)\"", in: Self.document) {
            #expect(ids.contains(label), "\(label)")
        }
    }

    @Test func linesAreNoLongerThanElsewhere() {
        for file in Self.everyFile {
            for (number, line) in Self.text(file).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            {
                #expect(line.count <= 130, "\(file.name):\(number + 1)")
            }
        }
    }
}
