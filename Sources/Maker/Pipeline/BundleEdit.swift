import Bundle
public import Storage

/// The right to change a bundle in place: no other process that keeps to it changes the bundle meanwhile, and what somebody
/// else did to the file is noticed before it would be lost.
public final class BundleEdit {
    /// Without links.
    public let path: String
    private let lock: FileLock
    private var status: FileStatus

    /// - Throws: `busy` while another process writes this bundle; `noInput` when there is none.
    public init(path: String) throws(TaperError) {
        self.path = Files.resolved(path)
        lock = try BundleEdit.lock(path)
        guard let status = FileStatus(path: path) else { throw TaperError(.noInput, "there is no bundle", at: path) }
        self.status = status
    }

    /// The lock of whoever writes a bundle under this name, whether it exists or not: a file beside it, for as long as it is
    /// held. What killed writers left of the bundle goes.
    static func lock(_ path: String) throws(TaperError) -> FileLock {
        let resolved = Files.resolved(path)
        let lock = try FileLock(
            path: Files.directory(of: resolved) + "/." + Files.name(of: resolved) + ".lock", isTemporary: true,
            remedy: "It writes the same bundle: wait for it to end")
        AtomicFile.removeRemains(of: resolved)
        return lock
    }

    /// `rewriteBundle` onto itself.
    /// - Throws: `busy` when the bundle is not the one that was opened.
    func rewrite(
        documents: [(section: String, value: JSONValue)], learned: LearnedScheduler? = nil,
        headScreens: [[UInt8]]? = nil
    ) throws(TaperError) {
        guard let now = FileStatus(path: path), now.identity == status.identity, now.byteCount == status.byteCount,
            now.modifiedNanoseconds == status.modifiedNanoseconds
        else {
            throw TaperError(
                .busy, "the bundle was changed by somebody else while it was worked on; nothing was written", at: path,
                remedy: "Run the command again")
        }
        try rewriteBundle(
            from: path, to: path, documents: documents, learned: learned, headScreens: headScreens,
            replacing: true)
        if let written = FileStatus(path: path) { status = written }
    }
}
