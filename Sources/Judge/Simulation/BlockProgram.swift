/// What one block of the model - a layer, or what stands before and behind all - makes the machine do: transfers, which run ahead
/// as far as the buffer lets them, and operations, one after the other.
struct BlockProgram {
    enum Unit: Int, CaseIterable { case multipliers, vector }

    struct Transfer {
        let byteCount: Int
        /// Waits in a slot of the buffer until an operation has used it; else the vector unit keeps it.
        let takesSlot: Bool
        /// For the timeline.
        let label: String
    }

    struct Operation {
        let unit: Unit
        let cycles: Int
        /// Transfers of this block that must have arrived.
        var needs: Int
        /// Slots that are free afterwards.
        var frees = 0
        /// Read over the channel once the operation has begun, before all transfers; it ends when they are here.
        var demandedBytes = 0
        /// Written over the channel once it has ended.
        var postedBytes = 0
        /// For the timeline.
        let label: String
    }

    private(set) var transfers: [Transfer] = []
    private(set) var operations: [Operation] = []
    var work = Work()

    /// Bytes for the vector unit, used by the next operation.
    mutating func load(vector byteCount: Int) {
        guard byteCount > 0 else { return }
        transfers.append(Transfer(byteCount: byteCount, takesSlot: false, label: "norm"))
        work.vectorBytes += byteCount
    }

    mutating func vector(_ elementOperations: Int, on hardware: HardwareDescription, _ label: String) {
        guard elementOperations > 0 else { return }
        work.elementOperations += elementOperations
        operations.append(
            Operation(
                unit: .vector, cycles: divided(elementOperations, by: hardware.vector.lanes), needs: transfers.count,
                label: label))
    }

    /// Time in which nothing else happens.
    mutating func wait(cycles: Int, _ label: String) {
        guard cycles > 0 else { return }
        operations.append(Operation(unit: .vector, cycles: cycles, needs: transfers.count, label: label))
    }

    /// Tokens' rows of the embedding; which they are is known only now.
    mutating func lookUp(byteCount: Int, elementOperations: Int, on hardware: HardwareDescription) {
        vector(elementOperations, on: hardware, "embedding")
        operations[operations.count - 1].demandedBytes = byteCount
        work.embeddingBytes += byteCount
    }

    /// What the operation before leaves in memory.
    mutating func post(byteCount: Int) {
        operations[operations.count - 1].postedBytes += byteCount
        work.writtenBytes += byteCount
    }

    /// Multiplications with `byteCount` bytes, in pieces of whole tiles that each fill a slot.
    ///
    /// A product's cycles are divided among its pieces like its tiles, so that all of them together are exact.
    mutating func multiply(
        byteCount: Int, tiles: Int, cycles: Int, overhead: Int, slotByteCount: Int, _ label: String
    ) {
        let share = Double(slotByteCount) / Double(max(1, byteCount))
        let perPiece = share >= 1 ? tiles : max(1, Int(Double(tiles) * share))
        var done = 0
        while done < tiles {
            let end = min(tiles, done + perPiece)
            func share(_ whole: Int) -> Int {
                let upper = whole.multipliedFullWidth(by: end), lower = whole.multipliedFullWidth(by: done)
                return tiles.dividingFullWidth(upper).quotient - tiles.dividingFullWidth(lower).quotient
            }
            transfers.append(Transfer(byteCount: share(byteCount), takesSlot: true, label: label))
            operations.append(
                Operation(
                    unit: .multipliers, cycles: share(cycles) + (done == 0 ? overhead : 0), needs: transfers.count,
                    frees: 1, label: label))
            done = end
        }
    }
}
