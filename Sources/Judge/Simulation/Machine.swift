/// The accelerator at work: one channel, a buffer in slots, and a sequencer that gives one operation after the other to
/// multipliers and vector unit. Runs passes, event by event.
struct Machine {
    enum Event: Equatable { case channelFree, arrived, demandArrived, operationEnded }

    /// A place among the blocks of the pass at hand and the next one.
    struct Cursor: Equatable {
        var block = 0
        var index = 0
    }

    /// Ticks in which each part works.
    struct Busy: Equatable {
        var channel = 0
        var units = [Int](repeating: 0, count: BlockProgram.Unit.allCases.count)
    }

    let time: TimeBase
    let hardware: HardwareDescription
    var now = 0
    var events = EventQueue<Event>()
    /// Next transfer to begin, and next to arrive; next operation to begin, or the one that runs.
    var fetch = Cursor(), arrival = Cursor(), operation = Cursor()
    var freeSlots: Int
    /// Bytes that wait for the channel before all transfers: positive ones are demanded, negative ones written.
    var urgent: [Int] = []
    var channelIsBusy = false
    var operationIsRunning = false
    /// The operation that runs still waits for what it has demanded, or for its own end.
    var pendingParts = 0
    var busy = Busy()
    /// Bytes that have gone over the channel.
    var movedBytes = 0
    /// When each block of the pass at hand ended.
    var blockEnds: [Int] = []
    /// What each operation and transfer of the pass at hand did, if it is wanted.
    var record: TimelineRecord?
    /// The pass at hand, then the next one, whose weights may come early.
    var programs: [PassProgram] = []
    /// Whether equal layers are counted instead of run.
    var repeatsLayers = true
    /// Machine and time at the end of the block before: see `repeatLayers`.
    var boundary: (state: BoundaryState, now: Int, busy: Busy, movedBytes: Int)?

    init(_ hardware: HardwareDescription, _ time: TimeBase) {
        self.hardware = hardware
        self.time = time
        freeSlots = hardware.buffer.slotCount
    }

    func program(_ block: Int) -> BlockProgram? {
        let count = programs[0].blocks.count
        if block < count { return programs[0].program(block) }
        guard programs.count > 1, block - count < programs[1].blocks.count else { return nil }
        return programs[1].program(block - count)
    }

    /// Runs one pass from where the machine stands; returns its ticks, and leaves in `busy` what worked how long.
    /// - Parameters:
    ///   - pass: the one that was `next` before, if any was.
    ///   - next: whose transfers may begin in this one.
    mutating func run(_ pass: PassProgram, next: PassProgram?) -> Int {
        programs = [pass] + (next.map { [$0] } ?? [])
        // Every pass counts from its own beginning.
        events.shift(by: -now)
        now = 0
        busy = Busy()
        blockEnds = []
        boundary = nil
        fetch = settledTransfer(fetch)
        operation = Cursor()
        skipEmptyBlocks()
        dispatch()
        while operation.block < pass.blocks.count {
            guard let entry = events.next() else { preconditionFailure("the machine waits for nothing") }
            now = entry.time
            handle(entry.event)
            dispatch()
        }
        // The next pass's blocks are counted from its own first.
        fetch.block -= pass.blocks.count
        arrival.block -= pass.blocks.count
        if arrival.block < 0 { arrival = Cursor() }
        return now
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .channelFree: channelIsBusy = false
        case .arrived: arrival = advanced(arrival)
        case .demandArrived, .operationEnded:
            pendingParts -= 1
            if pendingParts == 0 { endOperation() }
        }
    }

    /// Begins whatever can begin now.
    private mutating func dispatch() {
        if !operationIsRunning { beginOperation() }
        guard !channelIsBusy else { return }
        if let bytes = urgent.first {
            urgent.removeFirst()
            occupyChannel(
                abs(bytes), then: bytes > 0 ? .demandArrived : nil, of: operation.block,
                bytes > 0 ? "embedding" : "cache write")
        } else if let transfer = transfer(at: fetch), !transfer.takesSlot || freeSlots > 0 {
            if transfer.takesSlot { freeSlots -= 1 }
            occupyChannel(transfer.byteCount, then: .arrived, of: fetch.block, transfer.label)
            fetch = settledTransfer(Cursor(block: fetch.block, index: fetch.index + 1))
        }
    }

    private mutating func occupyChannel(_ byteCount: Int, then event: Event?, of block: Int, _ label: String) {
        let ticks = byteCount * time.ticksPerByte
        channelIsBusy = true
        busy.channel += ticks
        movedBytes += byteCount
        record?.transfers.append(TimelineSpan(start: now, end: now + ticks, block: block, label: label))
        events.add(.channelFree, at: now + ticks)
        if let event { events.add(event, at: now + ticks + time.latency) }
    }

    private mutating func beginOperation() {
        guard operation.block < programs[0].blocks.count else { return }
        let next = programs[0].program(operation.block).operations[operation.index]
        let arrived =
            arrival.block > operation.block
            || arrival.block == operation.block && arrival.index >= next.needs
        guard arrived else { return }
        let ticks = next.cycles * time.ticksPerCycle
        operationIsRunning = true
        pendingParts = 1
        busy.units[next.unit.rawValue] += ticks
        events.add(.operationEnded, at: now + ticks)
        if next.demandedBytes > 0 {
            pendingParts += 1
            urgent.append(next.demandedBytes)
        }
        record?.operations[next.unit.rawValue].append(
            TimelineSpan(start: now, end: now + ticks, block: operation.block, label: next.label))
    }

    private mutating func endOperation() {
        let program = programs[0].program(operation.block)
        let ended = program.operations[operation.index]
        operationIsRunning = false
        freeSlots += ended.frees
        if ended.postedBytes > 0 { urgent.append(-ended.postedBytes) }
        operation.index += 1
        guard operation.index == program.operations.count else { return }
        operation = Cursor(block: operation.block + 1, index: 0)
        blockEnds.append(now)
        skipEmptyBlocks()
        repeatLayers()
    }

    private mutating func skipEmptyBlocks() {
        while operation.block < programs[0].blocks.count, programs[0].program(operation.block).operations.isEmpty {
            operation.block += 1
            blockEnds.append(now)
        }
    }

    private func transfer(at cursor: Cursor) -> BlockProgram.Transfer? {
        guard let program = program(cursor.block), cursor.index < program.transfers.count else { return nil }
        return program.transfers[cursor.index]
    }

    /// The cursor's transfer, or the first one behind it.
    private func settledTransfer(_ cursor: Cursor) -> Cursor {
        var cursor = cursor
        while let program = program(cursor.block), cursor.index >= program.transfers.count {
            cursor = Cursor(block: cursor.block + 1, index: 0)
        }
        return cursor
    }

    /// One more arrival; a block counts as passed only when one of the next has arrived.
    private func advanced(_ cursor: Cursor) -> Cursor {
        var cursor = cursor
        while let program = program(cursor.block), cursor.index >= program.transfers.count {
            cursor = Cursor(block: cursor.block + 1, index: 0)
        }
        cursor.index += 1
        return cursor
    }
}
