public import Bundle
public import Checkpoint
public import Storage

/// Opens the checkpoint a bundle was made from, with its channels in the bundle's order and its keys and values scaled as the
/// bundle's: for all that compares weights.
public func openCheckpoint(_ path: String, arrangedAs bundle: Bundle) throws(TaperError) -> Checkpoint {
    var checkpoint = try Checkpoint.open(path)
    if let json = try bundle.json(SectionName.powers) {
        checkpoint = checkpoint.scaled(
            by: try CacheScaling(
                json: json, config: checkpoint.config, place: bundle.place(of: SectionName.powers)))
    }
    guard let json = try bundle.json(SectionName.channels) else { return checkpoint }
    let order = try ChannelOrder(
        json: json, config: checkpoint.config, place: bundle.place(of: SectionName.channels))
    return checkpoint.arranged(by: order)
}
