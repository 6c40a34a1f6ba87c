/// Events to come, in order of time; those of one time in the order in which they were added.
///
/// A machine of one channel and one sequencer waits for few at once, so they stand in a sorted array.
package struct EventQueue<Event: Equatable>: Equatable {
    package struct Entry: Equatable {
        package var time: Int
        package let event: Event
    }
    /// Latest first.
    private var entries: [Entry] = []

    package init() {}

    package mutating func add(_ event: Event, at time: Int) {
        let place = entries.firstIndex { $0.time <= time } ?? entries.count
        entries.insert(Entry(time: time, event: event), at: place)
    }

    package mutating func next() -> Entry? { entries.popLast() }

    package mutating func shift(by ticks: Int) {
        for index in entries.indices { entries[index].time += ticks }
    }

    /// The same with times counted from `origin`.
    package func relative(to origin: Int) -> EventQueue {
        var queue = self
        queue.shift(by: -origin)
        return queue
    }
}
