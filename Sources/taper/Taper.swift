import ArgumentParser
import Runtime
import Storage

/// The workstation command: convert, calibrate, inspect, evaluate, benchmark.
@main
struct Taper: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "taper",
        abstract: "Quantize a language model once, run it with precision that falls while it writes.",
        version: taperVersion,
        subcommands: [
            Convert.self, Calibrate.self, Inspect.self, Eval.self, Bench.self, Tokenize.self, Logits.self,
        ])

    static func main() {
        Interrupt.watch()
        var command: ParsableCommand
        do {
            command = try parseAsRoot(Arguments.normalized(Array(CommandLine.arguments.dropFirst())))
        } catch {
            exit(withError: error)
        }
        do {
            try command.run()
        } catch let error as TaperError {
            Console.error(error.message)
            Console.exit(error.code == .interrupted ? 128 + max(Interrupt.signal, 2) : error.exitCode)
        } catch {
            exit(withError: error)
        }
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
