internal import Synchronization

/// What the work for a request hears of the connection that it came by.
final class Connection: Sendable {
    enum End: Sendable {
        /// The client went away, or has closed its side.
        case gone
        /// The server is shutting down.
        case stopping
    }

    private struct State {
        var end: End?
        var watchers: [Int: @Sendable (End) -> Void] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// Tells all that watch; later ones hear of it at once. The first word is the last.
    func signal(_ end: End) {
        let watchers = state.withLock { state in
            guard state.end == nil else { return [Int: @Sendable (End) -> Void]() }
            state.end = end
            defer { state.watchers = [:] }
            return state.watchers
        }
        for watcher in watchers.values { watcher(end) }
    }

    /// Calls `body` once, from any thread, when the connection ends, until `unwatch`.
    func watch(_ body: @escaping @Sendable (End) -> Void) -> Int {
        let (id, end) = state.withLock { state in
            state.count += 1
            if state.end == nil { state.watchers[state.count] = body }
            return (state.count, state.end)
        }
        if let end { body(end) }
        return id
    }

    func unwatch(_ id: Int) { state.withLock { $0.watchers[id] = nil } }
}
