import ArgumentParser
import Pipeline
import Storage

/// What the store of intermediate results holds, and emptying it.
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Show and empty the store of intermediate results.",
        subcommands: [List.self, Prune.self])

    struct Place: ParsableArguments {
        @Option(help: "Folder for intermediate results (default: the user's cache).", completion: .directory) var work:
            String?

        func report() throws(TaperError) -> CacheReport { try CacheReport(folder: work) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Intermediate results by stage: how many, their bytes, and when they were used last.")
        @OptionGroup var place: Place
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let report = try place.report()
            if json { return Console.out(report.json) }
            var table = TextTable(["stage", "count", "size", "last use"])
            for row in report.rows {
                table.add([row.kind, String(row.count), byteText(row.byteCount), row.lastUseText])
            }
            table.lines(indent: 0).forEach { Console.out($0) }
            Console.out("\(report.count) results, \(byteText(report.byteCount)) in \(report.path)")
        }
    }

    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove intermediate results, by default those that nobody used for 30 days.",
            discussion: """
                What a running conversion is making is never removed; whatever else it needs again is made again.
                """)
        @OptionGroup var place: Place
        @Option(help: "Remove what was not used for so many days.") var olderThan: Double?
        @Option(help: "Remove the longest unused until so much is left, such as 20GB.") var maxSize: String?
        @Flag(help: "Remove everything.") var all = false
        @Flag(help: "Say what would go, and remove nothing.") var dryRun = false
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let removed = try place.report().prune(
                olderThanDays: olderThan, maxSize: maxSize, all: all, isDry: dryRun)
            if json { return Console.out(removed.json) }
            Console.out(removed.line)
        }
    }
}
