internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Page

/// The page at `/`, which is made of files at `/page/NAME`.
func addPage(to router: Router<ServerContext>) {
    router.get("/") { request, _ in response(PageFile.document, to: request) }
    router.get("/page/{name}") { request, context in
        guard let file = context.parameters.get("name").flatMap({ PageFile.all[$0] }) else {
            throw APIError(.notFound, "the page has no such file")
        }
        return response(file, to: request)
    }
}

/// A browser asks each time and gets what has changed: a newer program's page never mixes with files of an older one.
private func response(_ file: PageFile, to request: Request) -> Response {
    var headers: HTTPFields = [
        .eTag: file.tag, .cacheControl: "no-cache", .contentSecurityPolicy: PageFile.securityPolicy,
    ]
    let known = (request.headers[.ifNoneMatch] ?? "").split(separator: ",").map { $0.filter { $0 != " " } }
    if known.contains(file.tag) || known.contains("W/" + file.tag) || known == ["*"] {
        return Response(status: .notModified, headers: headers)
    }
    headers[.contentType] = file.contentType
    return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: file.bytes)))
}
