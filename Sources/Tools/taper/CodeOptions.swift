import ArgumentParser

/// Leave to run what a model writes.
struct CodeOptions: ParsableArguments {
    @Flag(help: "Run the answers as Python with their tests, confined, for the metric pass@1 (pipelines/code.md).")
    var runCode = false
}
