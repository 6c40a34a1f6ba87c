public import Storage

/// The files that a command reads, so that none of them is ever what it writes: `--force` replaces an old result, not what
/// the new one is made of. Files are known by device and inode, through links of both kinds and by any spelling of a path.
public struct InputFiles {
    private var files: [(status: FileStatus, path: String, role: String)] = []

    public init() {}

    /// - Parameter role: what the file is to the command, such as "the calibration text". Absent files are left out: who
    ///   reads them says so.
    public mutating func add(_ path: String?, as role: String) {
        guard let path, let status = FileStatus(path: path), status.kind == .file else { return }
        files.append((status, path, role))
    }

    /// A checkpoint, or a bundle: the file, and whatever else belongs to it.
    public mutating func add(model path: String?, as role: String) {
        guard let path else { return }
        let isFolder = Files.isDirectory(path)
        if !isFolder { add(path, as: role) }
        let name = Files.name(of: path)
        // A file of a Hugging Face directory stands for the directory; a part of a split GGUF file for all parts.
        let belongs: (String) -> Bool =
            if isFolder || name.hasSuffix(".safetensors") || name.hasSuffix(".json") {
                { _ in true }
            } else if name.hasSuffix(".gguf"), name.contains("-of-") {
                { $0.hasSuffix(".gguf") && $0.contains("-of-") }
            } else {
                { _ in false }
            }
        let folder = isFolder ? path : Files.directory(of: path)
        for entry in (try? Files.list(folder)) ?? [] where belongs(entry) {
            add(folder + "/" + entry, as: "a file of " + role)
            // Such as a folder of further chat templates.
            for inner in isFolder ? (try? Files.list(folder + "/" + entry)) ?? [] : [] {
                add(folder + "/" + entry + "/" + inner, as: "a file of " + role)
            }
        }
    }

    /// - Throws: `usage` when the file of this name is one of them.
    public func check(output path: String, remedy: String) throws(TaperError) {
        guard let status = FileStatus(path: path) else { return }
        guard let input = files.first(where: { $0.status.identity == status.identity }) else { return }
        throw TaperError(
            .usage, "the output is \(input.role)", at: path, expected: "a file that is not read",
            found: "the same file as \(input.path)", remedy: remedy)
    }
}

extension InputFiles {
    /// Everything that a recipe names.
    mutating func add(_ recipe: Recipe) {
        add(recipe.path, as: "the recipe")
        if case .file(let path)? = recipe.calibrationText { add(path, as: "the calibration text") }
        if case .file(let path)? = recipe.quality?.text { add(path, as: "the quality text") }
        add(recipe.learned?.textPath, as: "the learned scheduler's text")
        for task in recipe.tasks { add(task.dataPath, as: "the examples of task \(task.name)") }
    }
}
