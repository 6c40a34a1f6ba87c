import Server
import Storage

extension FuzzTarget {
    /// The sample bundle of the first version, with a chat format.
    private static let reader = try? RequestReader(bundle: root + "/formats/golden/written/0.1.0-tiny.taper")

    static let requests: [FuzzTarget] = [
        FuzzTarget("chat-request", seeds: ["Tests/Fuzz/seeds/chat-request/*"], maximumByteCount: 4096) { bytes, _ in
            guard let reader else { preconditionFailure("the sample bundle cannot be opened") }
            try reader.readChat(bytes)
        },
        FuzzTarget("completion-request", seeds: ["Tests/Fuzz/seeds/completion-request/*"], maximumByteCount: 4096) {
            bytes, _ in
            guard let reader else { preconditionFailure("the sample bundle cannot be opened") }
            try reader.readCompletion(bytes)
        },
    ]
}
