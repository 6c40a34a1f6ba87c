import Bundle
public import Storage

// Outputs that may be written, and bundles that are only cut.
extension Converter {
    /// - Parameter others: files that are read beside `input`.
    static func checkOutput(
        _ output: String, input: String, others: InputFiles, force: Bool
    ) throws(TaperError) {
        guard !Files.same(input, output) else {
            throw TaperError(.usage, "the output is the input", at: output, remedy: "Choose another name with -o")
        }
        // Replacing a file of the checkpoint would destroy the input.
        guard !(Files.exists(output) && Files.same(input, Files.directory(of: output))) else {
            throw TaperError(
                .usage, "the output is a file of the checkpoint", at: output, remedy: "Choose another name with -o")
        }
        var inputs = others
        inputs.add(model: input, as: "the checkpoint")
        try inputs.check(output: output, remedy: "Choose another name with -o")
        if let status = FileStatus(path: output) {
            guard status.kind == .file else { throw TaperError(.cannotCreate, "the output is not a file", at: output) }
            guard force else {
                throw TaperError(
                    .cannotCreate, "the output already exists", at: output,
                    remedy: "Use \(field("force")) to replace it")
            }
        }
        let folder = Files.directory(of: output)
        guard Files.isDirectory(folder) else {
            throw TaperError(.cannotCreate, "the folder of the output does not exist", at: folder)
        }
    }

    /// Precisions of a bundle that a cut to `maxBits` leaves.
    /// - Throws: `usage` when that would cut nothing or everything.
    public static func precisionsKept(of input: String, maxBits: Int) throws(TaperError) -> [Int] {
        let all = try Bundle(path: input).manifest.precisions
        let kept = all.filter { $0 <= maxBits }
        guard !kept.isEmpty, kept.count < all.count else {
            throw TaperError(
                .usage, kept.isEmpty ? "the cut would leave nothing" : "there is nothing to cut", at: field("max_bits"),
                expected: "\(all.first ?? 2) to \((all.last ?? 8) - 1), as \(input) has "
                    + all.map(String.init).joined(separator: ", ") + " bits", found: String(maxBits))
        }
        return kept
    }

    /// Cuts an existing bundle to fewer bits; nothing is requantized. Returns the tasks whose schedules are left out.
    public static func cut(
        from input: String, to output: String, maxBits: Int, force: Bool
    ) throws(TaperError) -> [String] {
        try checkOutput(output, input: input, others: InputFiles(), force: force)
        _ = try precisionsKept(of: input, maxBits: maxBits)
        let lock = try BundleEdit.lock(output)
        defer { withExtendedLifetime(lock) {} }
        return try cutBundle(from: input, to: output, maxBits: maxBits, replacing: force)
    }
}
