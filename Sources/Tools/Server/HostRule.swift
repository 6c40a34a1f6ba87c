/// Which names clients may call the server by.
///
/// A page of somebody else's can have its own name resolve to this machine and then talk to the server as if it were its own;
/// such a request carries that name (DNS rebinding).
package struct HostRule: Sendable {
    private let names: Set<String>
    /// Listens on all interfaces: any address may be one of its own, and addresses cannot be rebound.
    private let takesAddresses: Bool

    /// - Parameters:
    ///   - host: what the server listens on.
    ///   - further: names that it is also called by.
    package init(host: String, further: [String]) {
        let host = HostRule.bare(host.lowercased())
        takesAddresses = host == "0.0.0.0" || host == "::"
        var names: Set<String> = ["localhost", "127.0.0.1", "::1"]
        if !takesAddresses { names.insert(host) }
        for name in further { names.insert(HostRule.bare(name.lowercased())) }
        self.names = names
    }

    /// Whether nobody but this machine reaches a server that listens on `host`.
    package static func isLoopback(_ host: String) -> Bool {
        let host = bare(host.lowercased())
        return host == "localhost" || host == "::1" || isIPv4(host) && host.hasPrefix("127.")
    }

    /// - Parameter authority: of a request: host, and perhaps a port.
    package func allows(_ authority: String) -> Bool {
        guard let host = HostRule.host(authority.lowercased()) else { return false }
        return names.contains(host) || takesAddresses && (HostRule.isIPv4(host) || host.contains(":"))
    }

    /// "::1" of "[::1]:8080"; nil for what is no authority.
    private static func host(_ authority: String) -> String? {
        let parts: (host: Substring, port: Substring?)
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            parts = (authority[..<end].dropFirst(), rest.isEmpty ? nil : rest.dropFirst())
        } else {
            let pieces = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard pieces.count <= 2 else { return nil }
            parts = (pieces[0], pieces.count == 2 ? pieces[1] : nil)
        }
        guard parts.port.map({ UInt16($0) != nil }) ?? true else { return nil }
        return String(parts.host)
    }

    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    private static func isIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
