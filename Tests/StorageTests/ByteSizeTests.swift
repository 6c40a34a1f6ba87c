import Storage
import Testing

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("0", 0), ("800", 800), ("800B", 800), ("800M", 800_000_000), ("800MB", 800_000_000), ("1.5G", 1_500_000_000),
        ("20 gb", 20_000_000_000), ("2k", 2000), ("1T", 1_000_000_000_000), ("1.5GiB", 1_610_612_736), ("1KiB", 1024),
        ("3 mib", 3 << 20),
    ])
    func sizesAreRead(text: String, expected: Int) throws {
        #expect(try byteCount(parsing: text, of: "size") == expected)
    }

    @Test(arguments: [
        "", "B", "iB", "5iB", "1e3", "0x10", "-1", "1.2.3", "5 apples", "MB", "1000000TB", "5MM", "inf", "nan",
    ])
    func nothingElseIs(text: String) {
        #expect(throws: TaperError(.usage, "")) { try byteCount(parsing: text, of: "size") }
    }
}
