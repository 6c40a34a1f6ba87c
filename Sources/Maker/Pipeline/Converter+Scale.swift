import Checkpoint
import Storage

extension Converter {
    /// Brings keys and values into the range of half precision by exact powers of two, where the weights say that they could
    /// leave it. Nearly every model stays as it is.
    func scaleCache() throws(TaperError) {
        progress.begin("range")
        let scaling = try CacheScaling(fitting: checkpoint) { progress.update($0) }
        let layers = scaling.changedLayers
        guard let first = layers.first else {
            progress.end("keys and values fit half precision")
            return
        }
        checkpoint = checkpoint.scaled(by: scaling)
        cacheScaling = scaling
        progress.end(
            "keys or values of \(layers.count) of \(scaling.blocks.count) layers, from layer \(first) on, leave half "
                + "precision: divided by powers of two, which the queries or the output projection take back")
    }
}
