import Model
import Storage

/// Which layers of a config.json have a window.
struct HuggingFaceLayers {
    let fields: ConfigFields
    let rule: ModelFamily.WindowRule
    /// The window where the file has no `sliding_window`; nil for none.
    let usualWindow: Int?
    let count: Int

    /// - Returns: for each layer whether it sees a window only, and the window.
    /// - Throws: `unsupported` for kinds of layers that nobody here knows.
    func read() throws(TaperError) -> (slides: [Bool], window: Int?) {
        let listed = try listedKinds()
        var slides = [Bool](repeating: false, count: count)
        switch rule {
        case .none: break
        case .everyLayer:
            slides = listed ?? [Bool](repeating: true, count: count)
        case .listed:
            if try usesWindow(listed) {
                let first = try fields.integer("max_window_layers", default: 28)
                slides = listed ?? (0..<count).map { $0 >= first }
            }
        case .listedOrUnturned:
            // Which nothing turns only the family knows.
            if try usesWindow(listed) { slides = listed ?? slides }
        case .allButEvery(let usual):
            let key =
                fields.value("sliding_window_pattern") != nil ? "sliding_window_pattern" : "_sliding_window_pattern"
            let period = try fields.integer(key, default: usual)
            guard period > 0 else { throw fields.wrong(key, "a positive integer") }
            slides = listed ?? (0..<count).map { ($0 + 1) % period != 0 }
        }
        if case .none = rule { return (slides, nil) }
        guard let window = try window() else {
            if case .allButEvery = rule, slides.contains(true) { throw fields.wrong("sliding_window", "an integer") }
            if listed?.contains(true) == true { throw fields.wrong("sliding_window", "an integer") }
            return ([Bool](repeating: false, count: count), nil)
        }
        return (slides, window)
    }

    /// null turns it off, and what a class takes where the key is absent may be on.
    private func window() throws(TaperError) -> Int? {
        guard fields.json["sliding_window"] != nil else { return usualWindow }
        guard fields.value("sliding_window") != nil else { return nil }
        let window = try fields.integer("sliding_window")
        guard window > 0 else { throw fields.wrong("sliding_window", "a positive integer or null") }
        return window
    }

    /// `use_sliding_window`, which a list of layers must not contradict: other software then does one or the other.
    private func usesWindow(_ listed: [Bool]?) throws(TaperError) -> Bool {
        if try fields.flag("use_sliding_window", default: false) { return true }
        guard listed?.contains(true) != true else {
            throw TaperError(
                .badData, "layer_types has layers with a window, but use_sliding_window is not true",
                at: fields.place, expected: "full_attention", found: "sliding_attention",
                remedy: "Set use_sliding_window to true to use them")
        }
        return false
    }

    /// `layer_types`: nil where it is absent.
    private func listedKinds() throws(TaperError) -> [Bool]? {
        guard let value = fields.value("layer_types") else { return nil }
        guard let names = value.array?.map({ $0.string }), names.count == count else {
            throw fields.wrong("layer_types", "a list of \(count) names")
        }
        var slides: [Bool] = []
        for name in names {
            switch name {
            case "full_attention": slides.append(false)
            case "sliding_attention": slides.append(true)
            default:
                throw TaperError(
                    .unsupported, "layer_types: an unknown kind of layer", at: fields.place,
                    expected: "full_attention or sliding_attention", found: printable(name ?? "nothing"))
            }
        }
        if case .none = rule, slides.contains(true) {
            throw TaperError(
                .unsupported, "layer_types: this family has no layers with a window", at: fields.place,
                expected: "full_attention", found: "sliding_attention")
        }
        return slides
    }
}
