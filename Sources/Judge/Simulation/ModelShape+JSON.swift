public import Model
public import Storage

extension ModelShape {
    public static let schema = "taper-shape-1"

    /// Reads a shape's file: a model's description as in a bundle's manifest, and how its embedding and head are stored.
    /// - Throws: `noInput` without one; `badData` or `unsupported` naming the key that is wrong.
    public init(path: String) throws(TaperError) {
        let json = try JSONValue.parse(try Files.read(path, limit: 1 << 20), place: path)
        guard json["schema"]?.string == ModelShape.schema else {
            throw TaperError(
                .badData, "not a model's shape of this version", at: path,
                expected: "\"schema\": \"" + ModelShape.schema + "\"", found: json["schema"]?.text() ?? "none")
        }
        let fields = try DescriptionFields(json, place: path, keys: ["schema", "name", "source", "head_bits", "model"])
        let headBits = try fields.integer("head_bits", 2...BitWidth.half)
        guard BitWidth.exists(headBits) else { throw fields.wrong("head_bits", "2 to 8, or 16") }
        _ = try fields.text("source", default: "")
        self.init(
            name: try fields.text("name"),
            config: try ModelConfig(json: json["model"] ?? .null, place: path + ": model"),
            headBits: headBits)
    }
}
