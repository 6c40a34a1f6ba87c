/// One stretch of work of one part of the machine.
struct TimelineSpan: Equatable {
    /// In ticks.
    let start, end: Int
    /// Block that it belongs to: 0 stands before the layers.
    let block: Int
    let label: String
}

/// All stretches of a pass, in ticks.
struct TimelineRecord {
    var transfers: [TimelineSpan] = []
    /// Of each unit.
    var operations = [[TimelineSpan]](repeating: [], count: BlockProgram.Unit.allCases.count)
}

/// What each part of the machine did in one pass, in seconds from its beginning.
public struct Timeline: Sendable {
    public struct Span: Sendable, Equatable {
        public let start, end: Double
        /// Of the model's; -1 before the first, as many as there are behind the last; the next pass's begin again behind that.
        public let layer: Int
        public let label: String
    }
    public let seconds: Double
    public let layerCount: Int
    public let channel, multipliers, vector: [Span]

    init(_ record: TimelineRecord, ticks: Int, layers: Int, _ time: TimeBase) {
        func spans(_ all: [TimelineSpan]) -> [Span] {
            all.map {
                Span(start: time.seconds($0.start), end: time.seconds($0.end), layer: $0.block - 1, label: $0.label)
            }
        }
        seconds = time.seconds(ticks)
        layerCount = layers
        channel = spans(record.transfers)
        multipliers = spans(record.operations[BlockProgram.Unit.multipliers.rawValue])
        vector = spans(record.operations[BlockProgram.Unit.vector.rawValue])
    }
}
