/// How a server is set up. The defaults are safe for a machine that others can reach: only this machine may connect.
public struct ServerOptions: Sendable {
    /// All when a bundle opens, those that are read before they are, or none.
    public enum Verification: String, Sendable { case full, lazy, off }

    /// Address to listen on: a name, or the address of an interface; "0.0.0.0" and "::" are all of them.
    public var host = "127.0.0.1"
    /// 0: any that is free.
    public var port = 8080
    /// Keys of which a client must show one; none: everybody may ask.
    public var keys: [String] = []
    /// Allows another host than loopback without a key.
    public var isOpen = false
    /// Further names that clients may call the server by.
    public var hostNames: [String] = []

    /// Threads of every model; nil: every processor.
    public var threads: Int?
    /// Positions that a prompt and its answer have together; nil: the model's, at most 4096.
    public var contextLength: Int?
    /// Answers at work at once, by model.
    public var answersAtOnce = 8
    /// Bits of the numbers that keys and values are kept in: 8 or 16.
    public var cacheBits = 16
    /// Reads bundles into memory instead of mapping them.
    public var copiesFiles = false
    /// Keeps bundles in memory.
    public var locksMemory = false
    public var readsWholeHead = false
    /// When weights are compared with a bundle's checksums.
    public var verification = Verification.lazy
    /// Schedule where a request asks for none, in the words of requests: "static", "static:TASK", "learned", "fixed" or switch
    /// points; nil: the bundle's own default.
    public var schedule: String?
    /// One precision instead of a schedule.
    public var bits: Double?

    /// Answers that may wait for their turn, by model.
    public var queueLength = 64
    /// Time that a request may take, in seconds.
    public var requestSeconds = 600.0
    public var connectionCount = 256
    /// Bytes of a request's body.
    public var bodyByteCount = 8 << 20
    /// Tells of every request: method, path, status and time, and nothing of what is in it.
    public var log: (@Sendable (String) -> Void)?

    public init() {}
}
