// Equal layers do equal things: when a layer ends with the machine as it was at the end of the layer before, those to come take
// the same time, and are counted instead of run. Nothing is approximated: times are whole numbers, and states must be equal.
extension Machine {
    /// What the machine does next depends on this and on the programs of the blocks to come.
    struct BoundaryState: Equatable {
        let fetch, arrival: Cursor
        let freeSlots: Int
        let urgent: [Int]
        let channelIsBusy: Bool
        let events: EventQueue<Event>
    }

    /// To be called when a block has ended and nothing of the next has begun.
    mutating func repeatLayers() {
        guard repeatsLayers, record == nil, operation.block < programs[0].blocks.count else { return }
        func relative(_ cursor: Cursor) -> Cursor {
            Cursor(block: cursor.block - operation.block, index: cursor.index)
        }
        let state = BoundaryState(
            fetch: relative(fetch), arrival: relative(arrival), freeSlots: freeSlots, urgent: urgent,
            channelIsBusy: channelIsBusy, events: events.relative(to: now))
        defer { boundary = (state, now, busy, movedBytes) }
        guard let before = boundary, before.state == state else { return }
        // What ran while the last block did reaches to the block of `fetch`: all up to there must be equal.
        let blocks = programs[0].blocks
        var last = operation.block - 1
        while last + 1 < blocks.count, blocks[last + 1] == blocks[operation.block - 1] { last += 1 }
        let count = last - max(fetch.block, operation.block)
        guard count > 0 else { return }
        let ticks = now - before.now
        for step in 1...count { blockEnds.append(now + step * ticks) }
        busy.channel += count * (busy.channel - before.busy.channel)
        for unit in busy.units.indices { busy.units[unit] += count * (busy.units[unit] - before.busy.units[unit]) }
        movedBytes += count * (movedBytes - before.movedBytes)
        now += count * ticks
        events.shift(by: count * ticks)
        operation.block += count
        fetch.block += count
        arrival.block += count
    }
}
