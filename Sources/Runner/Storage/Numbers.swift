internal import CPlatform

/// What six decimals keep of a number: the form of figures in bundles and reports.
public func round6(_ value: Double) -> Double { parseDouble(fixed(value, 6)) ?? value }

/// Decimal text with a fixed number of fraction digits; independent of the locale.
public func fixed(_ value: Double, _ digits: Int) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
        let count = tp_format_fixed(value, Int32(digits), buffer.baseAddress, buffer.count)
        return text(buffer, count: Int(count))
    }
}

/// Shortest decimal text that reads back as the same value.
public func shortest(_ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        let count = tp_format_double(value, buffer.baseAddress, buffer.count)
        return text(buffer, count: Int(count))
    }
}

/// Reads a whole decimal number; nil when any byte is left over or the value is out of range.
public func parseDouble(_ string: String) -> Double? {
    var value = 0.0
    var bytes = Array(string.utf8)
    let ok = bytes.withUnsafeMutableBytes { raw in
        tp_parse_double(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, &value)
    }
    return ok == 1 ? value : nil
}

/// "12.3 MB": decimal units, as disk makers and llama.cpp print them.
public func byteText(_ byteCount: Int) -> String {
    let units = ["kB", "MB", "GB", "TB"]
    if byteCount < 1000 { return String(byteCount) + " B" }
    var value = Double(byteCount) / 1000
    var unit = 0
    while value >= 999.95 && unit < units.count - 1 {
        value /= 1000
        unit += 1
    }
    return fixed(value, value < 99.95 ? 1 : 0) + " " + units[unit]
}

private func text(_ buffer: UnsafeMutableBufferPointer<CChar>, count: Int) -> String {
    guard count > 0 else { return "?" }
    let bytes = UnsafeRawBufferPointer(buffer).prefix(count)
    return String(decoding: bytes, as: UTF8.self)
}

/// Multiplies sizes without overflow.
public func checkedProduct(_ factors: [Int]) -> Int? {
    var product = 1
    for factor in factors {
        guard factor >= 0 else { return nil }
        let (result, overflow) = product.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        product = result
    }
    return product
}

/// `value` rounded up to a multiple of `unit`.
public func roundedUp(_ value: Int, to unit: Int) -> Int { (value + unit - 1) / unit * unit }

/// base^exponent, for the modules that do not import libm.
public func power(_ base: Double, _ exponent: Double) -> Double { tp_pow(base, exponent) }

/// Natural exponential and logarithm.
public func exponential(_ value: Double) -> Double { tp_exp(value) }
public func logarithm(_ value: Double) -> Double { tp_log(value) }
public func sine(_ value: Double) -> Double { tp_sin(value) }
public func cosine(_ value: Double) -> Double { tp_cos(value) }

/// This process, for names of temporary files.
public func processID() -> Int { Int(tp_process_id()) }

/// Seconds on the monotonic clock.
public func monotonicSeconds() -> Double { tp_seconds() }
/// Processors this process may run on.
public func processorCount() -> Int { Int(tp_processor_count()) }
/// Threads that read weights fastest: a core's second processor reads nothing more, a small core keeps large ones waiting, and
/// threads beyond a control group's share stop in the middle of a step.
/// - Parameter root: a folder with `sys` and `proc`, instead of the machine's.
public func readingThreadCount(root: String = "") -> Int { Int(tp_reading_thread_count(root)) }
/// Largest and present resident set of this process, in bytes; -1 where unknown.
public func peakResidentBytes() -> Int { Int(tp_peak_resident_bytes()) }
/// Memory of the machine in bytes; 0 when unknown.
public func machineMemoryBytes() -> Int { Int(tp_memory_bytes()) }
public func residentBytes() -> Int { Int(tp_resident_bytes()) }
