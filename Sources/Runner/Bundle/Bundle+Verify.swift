public import Storage

/// What a full verification found.
public struct VerificationReport: Sendable {
    public let sectionCount: Int
    public let byteCount: Int
    /// One line per problem; empty when the bundle is sound.
    public let problems: [String]
    public var isSound: Bool { problems.isEmpty }
}

extension Bundle {
    /// - Throws: `badData` with every problem that `verify` finds.
    public func requireSound() throws(TaperError) {
        let report = verify()
        guard report.isSound else { throw TaperError(.badData, report.problems.joined(separator: "\nerror: ")) }
    }

    /// Somebody who writes into a mapped file changes weights under a run.
    /// - Throws: `badData` when the file has been written to since it was opened.
    public func checkUnchanged() throws(TaperError) {
        guard file.isUnchanged else {
            throw TaperError(
                .badData, "the file was changed while in use", at: path,
                remedy: "Start again; write new bundles beside the old one and rename them")
        }
    }

    /// Checks every block of every section, the padding between sections, every compressed section's frame, every
    /// scale, vector and 16-bit weight, the schedules, precision by need, the learned scheduler and the
    /// screens of the head. Damage is reported with section and offset, not thrown.
    public func verify() -> VerificationReport {
        var problems: [String] = []
        func attempt(_ body: () throws(TaperError) -> Void) {
            do throws(TaperError) { try body() } catch { problems.append(error.message) }
        }
        var end = BundleFormat.headerByteCount + sections.count * BundleFormat.entryByteCount
        for (index, section) in sections.enumerated() {
            if let damaged = file.bytes[end..<section.offset].firstIndex(where: { $0 != 0 }) {
                problems.append(
                    path + ": padding before section " + section.name + " is not zero at byte " + String(damaged)
                        + " of the file")
            }
            end = section.offset + section.storedByteCount
            guard index < sections.count - 1 else { continue }
            attempt { () throws(TaperError) in
                let stored = UnsafeRawBufferPointer(rebasing: file.bytes[section.range])
                let place = path + ": section " + section.name
                try Bundle.verifyBlocks(table, index, stored, place)
                if section.kind == .zstd {
                    _ = try Zstd.decompress(stored, byteCount: section.rawByteCount, place: place)
                }
            }
        }
        if problems.isEmpty {
            for tensor in manifest.tensors {
                attempt { () throws(TaperError) in
                    if case .float = tensor.encoding {
                        _ = try vector(tensor.name)
                    } else {
                        _ = try weights(tensor.name)
                    }
                }
            }
            attempt { () throws(TaperError) in try checkHalves() }
            attempt { () throws(TaperError) in _ = try rungs() }
            attempt { () throws(TaperError) in _ = try schedules() }
            attempt { () throws(TaperError) in _ = try adaptiveSchedule() }
            attempt { () throws(TaperError) in _ = try learnedScheduler() }
            attempt { () throws(TaperError) in _ = try headScreens() }
        }
        return VerificationReport(sectionCount: sections.count, byteCount: byteCount, problems: problems)
    }
}
