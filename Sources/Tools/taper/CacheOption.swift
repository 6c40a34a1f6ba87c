import ArgumentParser
import Storage

/// How keys and values are kept.
struct CacheOption: ParsableArguments {
    @Option(help: "Bits of keys and values: 16, or 8 for half their memory.") var cacheBits = 16

    /// - Throws: `usage` for others.
    func bits() throws(TaperError) -> Int {
        guard cacheBits == 8 || cacheBits == 16 else {
            throw TaperError(
                .usage, "not a usable value", at: "--cache-bits", expected: "8 or 16", found: "\(cacheBits)")
        }
        return cacheBits
    }
}
