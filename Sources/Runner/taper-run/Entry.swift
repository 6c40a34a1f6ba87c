import Bundle
import Runtime
import Storage

/// The C entry point: the package manager links `main` to this name in both build modes, and Embedded Swift has no
/// `CommandLine`.
@_cdecl("taper_run_main")
public func taperRunMain(
    _ count: Int32, _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    var arguments: [String] = []
    for index in 1..<max(1, Int(count)) {
        if let value = values?[index] { arguments.append(Files.text(ofPath: value)) }
    }
    StandardStreams.prepare(flag: flag)
    do throws(TaperError) {
        return try runProgram(arguments)
    } catch {
        StandardStreams.report(error)
        return error.code == .interrupted ? 128 + max(Interrupt.signal, 2) : error.exitCode
    }
}

/// The flag that sets a field of the libraries.
private func flag(_ field: String) -> String {
    switch field {
    case "temperature": "--temp"
    case "context_length": "--ctx-size"
    default: usualFlag(field)
    }
}

private func runProgram(_ arguments: [String]) throws(TaperError) -> Int32 {
    let options = try Options.parse(arguments)
    Interrupt.watch()
    if options.help || options.version {
        let output = Output(coloured: false)
        output.write(options.help ? Flag.helpText() : "taper-run " + taperVersion + "\n")
        if let failure = output.failure { throw failure }
        return 0
    }
    if options.verifies { return try verify(options) }
    let session = try Session(options)
    if options.sandbox, let reason = Confinement.begin(.generating), options.verbose {
        StandardStreams.note("note: the system cannot confine this process: " + reason)
    }
    if options.conversation || session.shouldConverse {
        return try Dialogue(session).run()
    }
    return try session.answerPrompt()
}

/// What a copy may have suffered on its way: every section against its checksums.
private func verify(_ options: Options) throws(TaperError) -> Int32 {
    let report = try Bundle(path: options.modelPath, copying: options.readsWholeFile).verify()
    guard report.isSound else {
        throw TaperError(.verificationFailed, report.problems.joined(separator: "\nerror: "))
    }
    if !options.quiet {
        StandardStreams.note(
            printable(options.modelPath, limit: 4000) + ": sound; " + String(report.sectionCount) + " sections, "
                + byteText(report.byteCount))
    }
    return 0
}
