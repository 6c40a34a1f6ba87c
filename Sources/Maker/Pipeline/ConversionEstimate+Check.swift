package import Reference
package import Storage

extension ConversionEstimate {
    /// Refuses at once what some stage would be refused for later: memory and disk.
    /// - Throws: `usage` naming every stage whose memory is not there; `inputOutput` for a disk without room.
    package func check(
        available: AvailableMemory, place: String, disk: DiskSpace
    ) throws(TaperError) {
        let over = stages.filter { available.byteCount > 0 && $0.memoryBytes > available.byteCount }
        if !over.isEmpty {
            throw TaperError(
                .usage,
                over.count == 1
                    ? "one stage needs more memory than there is"
                    : "\(over.count) stages need more memory than there is",
                at: place,
                expected: over.map { "\($0.name) \(byteText($0.memoryBytes))" }.joined(separator: ", "),
                found: "\(byteText(available.byteCount)) (\(available.reason))",
                remedy: (available.isAskedFor
                    ? "Allow more with \(field("memory")), or: " : "Use a machine with more memory, or: ")
                    + over.compactMap(\.remedy).joined(separator: "; "))
        }
        try disk.check(work: workBytes, output: outputBytes)
    }
}

/// Room on the disks that a conversion writes to.
package struct DiskSpace {
    let workPath: String
    let outputPath: String
    /// Bytes that are free, and the device, where a path lies; nil when unknown. Paths need not exist yet.
    private let look: (String) -> (free: Int, device: UInt64)?
    /// Bytes of a folder's files: outputs of an interrupted run are not written again.
    private let used: (String) -> Int

    package init(workPath: String, outputPath: String) {
        self.init(workPath: workPath, outputPath: outputPath, look: Self.room, used: Self.content)
    }

    package init(
        workPath: String, outputPath: String, look: @escaping (String) -> (free: Int, device: UInt64)?,
        used: @escaping (String) -> Int
    ) {
        self.workPath = workPath
        self.outputPath = outputPath
        self.look = look
        self.used = used
    }

    /// - Throws: `inputOutput` when a file system has less room than will be written.
    func check(work: Int, output: Int) throws(TaperError) {
        let newWork = max(0, work - used(workPath))
        let folder = Files.directory(of: outputPath)
        guard let forWork = look(workPath), let forOutput = look(folder) else { return }
        func refuse(_ needed: Int, _ what: String, _ free: Int, _ place: String, _ remedy: String) -> TaperError {
            TaperError(
                .inputOutput, "the disk has too little room", at: place, expected: "\(byteText(needed)) free \(what)",
                found: byteText(free), remedy: "Free some space, or " + remedy)
        }
        let (otherWork, otherOutput) = (
            "name a folder of another disk with \(field("work"))", "write the bundle to another disk"
        )
        guard output <= forOutput.free else {
            throw refuse(output, "for the bundle", forOutput.free, folder, otherOutput)
        }
        let isOneDisk = forWork.device == forOutput.device
        let needed = isOneDisk ? newWork + output : newWork
        guard needed <= forWork.free else {
            throw refuse(
                needed, "for intermediate results" + (isOneDisk ? " and the bundle" : ""), forWork.free, workPath,
                otherWork)
        }
    }

    private static func room(_ path: String) -> (free: Int, device: UInt64)? {
        var path = path
        while !Files.exists(path) {
            let parent = Files.directory(of: path)
            guard parent != path else { return nil }
            path = parent
        }
        guard let free = Files.freeBytes(at: path), let status = FileStatus(path: path) else { return nil }
        return (free, status.identity.device)
    }

    private static func content(_ folder: String) -> Int {
        ((try? Files.list(folder)) ?? []).reduce(0) { $0 + (FileStatus(path: folder + "/" + $1)?.byteCount ?? 0) }
    }
}
