import Storage
import Testing

@Suite struct MemoryTests {
    @Test func whatTheMachineHasNotIsRefused() throws {
        let available = try #require(Memory.availableByteCount)
        #expect(available > 1 << 20 && available < 1 << 50)
        #expect(throws: TaperError(.inputOutput, "")) { try Memory.require(1 << 60, for: "t") }
        #expect(throws: TaperError(.inputOutput, "")) { try Memory.require(product: [1 << 40, 1 << 40], for: "t") }
        #expect(throws: Never.self) { try Memory.require(1 << 10, for: "t") }
        #expect(throws: Never.self) { try Memory.require(product: [1 << 5, 1 << 5], for: "t") }
    }
}
