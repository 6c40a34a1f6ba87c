import Bundle
import Checkpoint
import Storage

/// Opens the checkpoint a bundle was made from, with its channels in the bundle's order: for all that compares weights.
func openCheckpoint(_ path: String, arrangedAs bundle: Bundle) throws(TaperError) -> Checkpoint {
    let checkpoint = try Checkpoint.open(path)
    guard let json = try bundle.json(ChannelOrder.section) else { return checkpoint }
    let order = try ChannelOrder(
        json: json, config: checkpoint.config, place: bundle.path + ": section " + ChannelOrder.section)
    return checkpoint.arranged(by: order)
}
