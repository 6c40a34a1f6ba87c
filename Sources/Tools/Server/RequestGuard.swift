internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore

/// Who may ask what, before anything of a request is acted on.
package struct RequestGuard: Sendable {
    private let hosts: HostRule
    private let keys: [[UInt8]]

    init(_ options: ServerOptions) {
        hosts = HostRule(host: options.host, further: options.hostNames)
        keys = options.keys.map { Array($0.utf8) }
    }

    func check(_ request: Request) throws(APIError) {
        guard let path = request.head.path, path.hasPrefix("/"),
            // The first Host became the authority.
            !request.headers.contains(where: { $0.name.canonicalName == "host" })
        else {
            throw APIError(.badRequest, "the request's target or its Host is malformed")
        }
        guard let authority = request.head.authority, hosts.allows(authority) else {
            throw APIError(
                .misdirectedRequest,
                "the server does not answer for this host; it does for localhost and what it was told to listen on",
                code: "host_not_allowed")
        }
        try checkOrigin(request, authority)
        try checkKey(request)
    }

    /// Browsers say from which page a request comes: none but our own may send any.
    private func checkOrigin(_ request: Request, _ authority: String) throws(APIError) {
        guard let origin = request.headers[.origin]?.lowercased() else { return }
        let own = authority.lowercased()
        guard origin == "http://" + own || origin == "https://" + own else {
            throw APIError(.forbidden, "the request comes from another site's page", code: "origin_not_allowed")
        }
    }

    /// What the page itself is made of and whether the server lives, everybody may know.
    private func checkKey(_ request: Request) throws(APIError) {
        let path = request.uri.path
        if keys.isEmpty || path == "/" || path == "/health" || path.hasPrefix("/page/") { return }
        let given = Array((request.headers[.authorization] ?? "").utf8)
        let scheme = Array("bearer ".utf8)
        // Case-insensitive (RFC 9110, 11.1).
        let isBearer = given.count > scheme.count && zip(given, scheme).allSatisfy { $0 | 0x20 == $1 | 0x20 }
        let key = isBearer ? Array(given[scheme.count...]) : []
        var isKnown = false
        for known in keys where RequestGuard.areEqual(key, known) { isKnown = true }
        guard isKnown else {
            throw APIError(
                .unauthorized, key.isEmpty ? "the server wants a key: Authorization: Bearer KEY" : "the key is wrong",
                code: "invalid_api_key")
        }
    }

    /// The time depends on the length of what was given alone: it does not tell how much of it is right.
    package static func areEqual(_ given: [UInt8], _ known: [UInt8]) -> Bool {
        guard !known.isEmpty else { return false }
        var difference = given.count ^ known.count
        for (index, byte) in given.enumerated() { difference |= Int(byte ^ known[index % known.count]) }
        return difference == 0
    }
}
