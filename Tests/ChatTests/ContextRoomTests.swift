import Chat
import Storage
import Testing

@Suite struct ContextRoomTests {
    private func room(_ maxNewTokens: Int, drops: Bool) -> ContextRoom {
        ContextRoom(capacity: 20, maxNewTokens: maxNewTokens, dropsOldest: drops, remedy: "")
    }

    @Test func nothingIsCutUnlessAskedFor() throws {
        var tokens = Array(0..<20)
        #expect(try room(5, drops: false).fit(&tokens, startToken: 0) == 0)
        #expect(tokens == Array(0..<20))
        tokens.append(20)
        #expect(throws: TaperError(.badData, "")) { try room(5, drops: false).fit(&tokens, startToken: 0) }
        #expect(throws: TaperError(.badData, "")) { try room(5, drops: true).check(tokens) }
    }

    @Test(arguments: [(5, 15), (-1, 19), (1, 19), (100, 10)])
    func theOldestTokensMakeRoomForTheAnswer(_ maxNewTokens: Int, _ left: Int) throws {
        var tokens = Array(0..<30)
        #expect(try room(maxNewTokens, drops: true).fit(&tokens, startToken: nil) == 30 - left)
        #expect(tokens == Array(30 - left..<30))
        // A start token stays.
        tokens = Array(0..<30)
        #expect(try room(maxNewTokens, drops: true).fit(&tokens, startToken: 0) == 30 - left)
        #expect(tokens == [0] + Array(31 - left..<30))
    }
}
