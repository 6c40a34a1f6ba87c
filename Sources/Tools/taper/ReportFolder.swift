import Pipeline
import Storage

/// The folder of `--report`, known to be usable before work starts.
struct ReportFolder {
    private let path: String

    /// - Parameters:
    ///   - path: nil when no report is wanted.
    ///   - name: what the names of the report's files begin with; earlier ones of that name are replaced.
    ///   - models: bundles and checkpoints that the command reads.
    ///   - texts: files of text that it reads.
    /// - Throws: `usage` when a file of the report would replace one that is read, `cannotCreate` when nothing can be written.
    init?(_ path: String?, name: String, models: [String?], texts: [String?]) throws(TaperError) {
        guard let path else { return nil }
        self.path = path
        try Files.createDirectory(path)
        var inputs = InputFiles()
        for model in models { inputs.add(model: model, as: "a model of this evaluation") }
        for text in texts { inputs.add(text, as: "a text of this evaluation") }
        for file in try Files.list(path) where file.hasPrefix(name) {
            try inputs.check(output: path + "/" + file, remedy: "Choose another folder with --report")
        }
        // Dropped without a commit it leaves nothing.
        _ = try AtomicFile(path: path + "/" + name + ".json", replacing: true)
    }

    func write(_ file: String, _ text: String) throws(TaperError) {
        try AtomicFile.write(Array(text.utf8), to: path + "/" + file, replacing: true)
    }

    func write(_ file: String, _ json: JSONValue) throws(TaperError) {
        try write(file, json.text(indented: true) + "\n")
    }
}
