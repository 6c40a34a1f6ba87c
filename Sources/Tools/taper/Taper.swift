import ArgumentParser
import Runtime
import Storage

/// The workstation command: convert, calibrate, inspect, evaluate, benchmark, serve.
@main
struct Taper: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "taper",
        abstract: "Quantize a language model once, run it with precision that falls while it writes.",
        version: taperVersion,
        subcommands: [
            Convert.self, Calibrate.self, Inspect.self, Eval.self, Bench.self, Simulate.self, Tokenize.self,
            Logits.self,
            Serve.self, StageCommand.self, CacheCommand.self,
        ])

    static func main() {
        StandardStreams.prepare { $0 == "context_length" ? "--ctx-size" : usualFlag($0) }
        Interrupt.watch()
        let status = run(Arguments.normalized(Files.arguments()))
        // What a command found out counts more than that nobody could be told.
        guard status == 0, let failure = StandardStreams.outputFailure else {
            StandardStreams.exit(status)
        }
        StandardStreams.report(failure)
        StandardStreams.exit(exitStatus(of: failure))
    }

    /// Runs one command line; what it has to say about a failure is said.
    private static func run(_ arguments: [String]) -> Int32 {
        do {
            try refuseUnknownCommand(arguments)
            var command = try parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let error as TaperError {
            StandardStreams.report(error)
            return exitStatus(of: error)
        } catch {
            // Help and versions come this way, too, and are results.
            let status = exitCode(for: error).rawValue
            var text = fullMessage(for: error)
            // The parser repeats arguments as they are, line feeds and all.
            for argument in arguments where printable(argument, limit: 4000) != argument {
                text = text.replacing(argument, with: printable(argument, limit: 4000))
            }
            if status == 0 { Console.out(text) } else { Console.note(text) }
            return status
        }
    }

    /// Says which command was meant; the parser would only say that a word is unexpected.
    private static func refuseUnknownCommand(_ arguments: [String]) throws(TaperError) {
        var (known, place) = (configuration.subcommands, "taper")
        for argument in arguments {
            guard !known.isEmpty, !argument.hasPrefix("-"), argument != "help" else { return }
            guard let command = known.first(where: { $0._commandName == argument }) else {
                let near = nearestWord(to: argument, among: known.map { $0._commandName })
                throw TaperError(
                    .usage, "there is no command " + printable(argument), at: place,
                    expected: "one of " + known.map { $0._commandName }.joined(separator: ", "),
                    remedy: near.map { "Did you mean " + $0 + "?" } ?? "")
            }
            (known, place) = (command.configuration.subcommands, place + " " + argument)
        }
    }

    private static func exitStatus(of error: TaperError) -> Int32 {
        error.code == .interrupted ? 128 + max(Interrupt.signal, 2) : error.exitCode
    }
}

/// Both spellings of long options: `--max_new_tokens` is `--max-new-tokens`. Single-dash words of llama.cpp gain a dash.
enum Arguments {
    static func normalized(_ arguments: [String]) -> [String] {
        var literal = false
        return arguments.map { argument in
            if argument == "--" { literal = true }
            guard !literal, argument.hasPrefix("--") else { return argument }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].replacing("_", with: "-")
            return parts.count == 2 ? name + "=" + parts[1] : String(name)
        }
    }
}
