import FuzzTargets

#if canImport(Glibc)
import Glibc
#endif

/// One program holds all targets, because linking takes longer than anything else; TAPER_FUZZ names the one.
private let target: FuzzTarget = {
    let name = getenv("TAPER_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.named(name) else {
        print("TAPER_FUZZ: no such target; TAPER_FUZZ=list lists them")
        exit(64)
    }
    return target
}()
private let scratch = Scratch()

/// What libFuzzer calls first.
@_cdecl("LLVMFuzzerInitialize")
public func fuzzInitialize(
    _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
    guard getenv("TAPER_FUZZ").map({ String(cString: $0) }) == "list" else { return 0 }
    for target in FuzzTarget.all {
        let seeds = (try? target.seedPaths()) ?? []
        print(([target.name, String(target.maximumByteCount)] + seeds).joined(separator: "\t"))
    }
    exit(0)
}

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.feed(Array(UnsafeBufferPointer(start: bytes, count: count)), in: scratch)
    return 0
}
