import Page
import Storage
import Testing

import Server

/// The page as it comes over HTTP, and what it asks for.
@Suite struct PageRoutesTests {
    @Test func thePageIsServedWithWhatBrowsersAreToHoldItTo() async throws {
        try await TestServer.with { server in
            let document = try await server.get("/")
            #expect(document.status == 200 && document.text.contains("<title>Taper</title>"))
            #expect(document.headers["content-type"] == "text/html; charset=utf-8")
            for file in PageFile.all.values {
                let response = try await server.get("/page/" + file.name)
                #expect(response.status == 200 && response.text == String(decoding: file.bytes, as: UTF8.self))
                #expect(response.headers["content-type"] == file.contentType)
                #expect(response.headers["content-security-policy"] == PageFile.securityPolicy)
                #expect(response.headers["x-content-type-options"] == "nosniff")
            }
        }
    }

    @Test func whatABrowserHasIsNotSentAgain() async throws {
        try await TestServer.with { server in
            let tag = try #require(try await server.get("/").headers["etag"])
            let other = try #require(PageFile.all["app.js"]).tag
            for known in [tag, "W/" + tag, other + ", " + tag, "*"] {
                let response = try await server.get("/", ["If-None-Match": known])
                #expect(response.status == 304 && response.text.isEmpty, "\(known)")
            }
            #expect(try await server.get("/", ["If-None-Match": other]).status == 200)
        }
    }

    @Test(arguments: [
        "/page/nothing.js", "/page/", "/page/../openapi.json", "/page/%2e%2e%2findex.html", "/page/app.js/x",
    ])
    func nothingElseIsThere(path: String) async throws {
        try await TestServer.with { server in
            let response = try await server.get(path)
            #expect(response.status == 404 && response.error?["message"]?.string?.isEmpty == false)
        }
    }

    /// Whoever may open the page may not yet ask anything.
    @Test func thePageNeedsNoKeyAndTheRestDoes() async throws {
        try await TestServer.with({ $0.keys = ["sesame"] }) { server in
            for (path, status) in [("/", 200), ("/page/app.js", 200), ("/props", 401)] {
                let response = try await server.get(path)
                #expect(response.status == status, "\(path)")
            }
        }
    }

    @Test func propertiesTellWhySchedulesAreWhatTheyAre() async throws {
        try await TestServer.with { server in
            let json = try await server.get("/props").json
            let schedule = try #require(json["schedules"]?.array?.first)
            #expect(schedule["tolerance"]?.double == 0.02)
            #expect(schedule["evidence"]?["candidates"]?.array?.count == 11)
            #expect(schedule["quality"]?["kl"]?.double == 0.0586857)
            #expect(json["learned_evidence"]?["pairs"]?.array?.count == 2)
            #expect(json["default"]?["schedule"]?.string == "6 bits" && json["default"]?["switch"]?.string == "6@0")
        }
        try await TestServer.with({ $0.schedule = "static:answer" }) { server in
            let unnamed = try #require(try await server.get("/props").json["default"])
            #expect(unnamed["schedule"]?.string == "static:answer" && unnamed["switch"]?.string == "4@0,3@12")
            #expect(unnamed["prefill_bits"]?.double == 6)
        }
        try await TestServer.with({ $0.schedule = "5@0,2@9" }) { server in
            let unnamed = try #require(try await server.get("/props").json["default"])
            #expect(unnamed["schedule"]?.string == "switch points" && unnamed["switch"]?.string == "5@0,2@9")
        }
        try await TestServer.with({ $0.schedule = "learned" }) { server in
            let unnamed = try #require(try await server.get("/props").json["default"])
            #expect(unnamed["schedule"]?.string == "learned" && unnamed["switch"]?.isNull == true)
        }
    }
}
