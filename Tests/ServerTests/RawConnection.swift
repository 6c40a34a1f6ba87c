import Dispatch
import Foundation
import Glibc
import Storage
import Synchronization
import Testing

/// A connection whose every byte a test decides. Calls wait on threads of their own: the server runs on those of the tasks.
final class RawConnection: Sendable {
    private let socket: Int32
    private let isClosed = Atomic<Bool>(false)

    /// - Parameter receivesFew: the system keeps little of what comes and is not read.
    init(port: Int, receivesFew: Bool = false) async throws {
        socket = try await RawConnection.waiting {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var few: Int32 = 4096
            if receivesFew { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &few, socklen_t(MemoryLayout<Int32>.size)) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else { throw Failure("cannot connect") }
            var patience = timeval(tv_sec: 60, tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            return socket
        }
    }

    struct Failure: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        let socket = socket
        try await RawConnection.waiting {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                // The server may have refused what is still coming.
                guard count > 0 else { return }
                sent += count
            }
        }
    }

    /// What comes next; empty at the end.
    func receive() async throws -> [UInt8] {
        let socket = socket
        return try await RawConnection.waiting {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(socket, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN { throw Failure("nothing came for a minute") }
            return Array(buffer.prefix(max(0, count)))
        }
    }

    /// Reads until the text comes up, or the end.
    func receive(until text: String) async throws -> String {
        var bytes: [UInt8] = []
        while true {
            let more = try await receive()
            bytes += more
            let all = String(decoding: bytes, as: UTF8.self)
            if more.isEmpty || all.contains(text) { return all }
        }
    }

    /// The next whole response; of a connection that is kept, as long as nothing follows it unasked.
    func response(to method: String = "POST") async throws -> RawResponse {
        var bytes: [UInt8] = []
        while true {
            let more = try await receive()
            bytes += more
            if let response = RawResponse(bytes, hasBody: method != "HEAD", isAtEnd: more.isEmpty) { return response }
            if more.isEmpty { throw Failure("the connection ended: \(String(decoding: bytes, as: UTF8.self))") }
        }
    }

    func close() {
        // A number closed twice may be somebody else's by then.
        if !isClosed.exchange(true, ordering: .relaxed) { _ = Glibc.close(socket) }
    }

    /// Breaks off, as a program does that crashes: the other side gets a reset and no end.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    deinit { close() }

    /// Closes our side and keeps reading.
    func halfClose() { shutdown(socket, Int32(SHUT_WR)) }

    private static func waiting<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }
}

struct RawResponse: Sendable {
    let status: Int
    let headers: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { get throws { try JSONValue.parse(body, place: "response") } }
    /// `error.code`, `error.param` and `error.message`.
    var error: JSONValue? { (try? json)?["error"] }

    /// Documents of a stream, without the "[DONE]" that must be its end.
    func events() throws -> [JSONValue] {
        var parts = text.components(separatedBy: "\n\n")
        #expect(parts.popLast() == "" && parts.popLast() == "data: [DONE]")
        return try parts.map { part in
            try #require(part.hasPrefix("data: "))
            return try JSONValue.parse(Array(part.dropFirst(6).utf8), place: "event")
        }
    }

    /// nil while something is missing.
    init?(_ bytes: [UInt8], hasBody: Bool, isAtEnd: Bool) {
        guard let end = RawResponse.find([13, 10, 13, 10], in: bytes[...]) else { return nil }
        var lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        let first = lines.removeFirst().split(separator: " ")
        guard first.count > 1, let status = Int(first[1]) else { return nil }
        var headers: [String: String] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let rest = bytes[(end + 4)...]
        if status == 100 {
            guard let final = RawResponse(Array(rest), hasBody: hasBody, isAtEnd: isAtEnd) else { return nil }
            self = final
            return
        }
        self.status = status
        self.headers = headers
        // RFC 9112, section 6.3.
        if !hasBody || status == 204 || status == 304 {
            body = []
        } else if headers["transfer-encoding"] == "chunked" {
            guard let whole = RawResponse.unchunked(rest) else { return nil }
            body = whole
        } else if let length = headers["content-length"].flatMap({ Int($0) }) {
            guard rest.count >= length else { return nil }
            body = Array(rest.prefix(length))
        } else {
            guard isAtEnd else { return nil }
            body = Array(rest)
        }
    }

    private static func unchunked(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var (rest, body) = (bytes, [UInt8]())
        while let end = find([13, 10], in: rest) {
            guard let count = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16) else { return nil }
            rest = rest[(end + 2)...]
            guard rest.count >= count + 2 else { return nil }
            if count == 0 { return body }
            body += rest.prefix(count)
            rest = rest.dropFirst(count + 2)
        }
        return nil
    }

    private static func find(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return (bytes.startIndex...bytes.endIndex - pattern.count).first { bytes[$0...].starts(with: pattern) }
    }
}
