internal import Storage

/// A file of the page that `taper serve` shows. It is a part of the program: what a browser gets needs no file beside it.
public struct PageFile: Sendable {
    /// Its name in `Files`.
    public let name: String
    public let contentType: String
    public let bytes: [UInt8]
    /// Another content has another tag: an entity tag of HTTP, with its quotes.
    public let tag: String

    /// The document, which names all others.
    public static let document = PageFile("index.html", PackageResources.index_html)

    /// By name.
    public static let all: [String: PageFile] = Dictionary(
        uniqueKeysWithValues: contents.map { ($0, PageFile($0, $1)) })

    /// What browsers are to hold the page to: scripts, styles and requests of this origin only, none of them written in a document,
    /// no text made into markup, no frame around it. A text of a model that broke out of its place would still run nothing.
    public static let securityPolicy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ].joined(separator: "; ")

    private init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        contentType =
            PageFile.contentTypes[name.split(separator: ".").last.map(String.init) ?? ""] ?? "application/octet-stream"
        tag = "\"" + String(checksum(bytes), radix: 16) + "\""
    }

    private static let contentTypes = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    ]
}
