import Dispatch
import Foundation
import Synchronization
import TaperConvert
import TaperRuntime
import Testing

@Suite final class ConversionTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let checkpoint = root + "/samples/tiny"

    /// Intermediate results that tests share whose subject is not how they come about.
    private static let sharedWork: String = {
        atexit { try? FileManager.default.removeItem(atPath: ConversionTests.sharedWork) }
        return NSTemporaryDirectory() + "taper-convert-work-\(UUID().uuidString)"
    }()
    let folder = NSTemporaryDirectory() + "taper-convert-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Without quality, whose windows take longest.
    private var conversion: Conversion {
        var recipe = Recipe.standard(.fast)
        recipe.precisions = [2, 4]
        recipe.omitsCalibration = true
        recipe.calibrationText = Self.checkpoint + "/calibration.txt"
        var conversion = Conversion(of: Self.checkpoint, to: folder + "/tiny.taper", recipe: recipe)
        conversion.workFolder = Self.sharedWork
        return conversion
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    @Test func theProgramMakesTheSameBundle() async throws {
        let report = try await conversion.run()
        #expect(report.byteCount == (try bytes(report.output)).count && report.madeCount + report.reusedCount > 0)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("taper")
        process.arguments = [
            "convert", Self.checkpoint, "-o", folder + "/other.taper", "--effort", "fast", "--bits", "2,4",
            "--no-calibrate", "--calibration", Self.checkpoint + "/calibration.txt", "--work", folder + "/other-work",
            "--quiet",
        ]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try bytes(report.output) == bytes(folder + "/other.taper"))
    }

    @Test func aCancelledConversionGoesOnWhereItStopped() async throws {
        var conversion = conversion
        conversion.workFolder = folder + "/work"
        let cancelled = conversion
        let (began, signal) = AsyncStream<Void>.makeStream()
        // The stage waits until it is cancelled: on a busy machine all might be done before.
        let isCancelled = DispatchSemaphore(value: 0)
        let task = Task {
            try await cancelled.run { event in
                guard case .began("quantize") = event else { return }
                signal.yield()
                isCancelled.wait()
            }
        }
        for await _ in began { break }
        task.cancel()
        isCancelled.signal()
        let error = await #expect(throws: TaperError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: conversion.output))
        let report = try await conversion.run()
        #expect(report.reusedCount > 0)
        let again = folder + "/again.taper"
        var other = conversion
        other.output = again
        let reused = try await other.run()
        #expect(reused.madeCount == 0 && reused.reusedCount == report.madeCount + report.reusedCount)
        #expect(try bytes(again) == bytes(conversion.output))
    }

    @Test func progressTellsStagesInOrder() async throws {
        let events = Mutex<[ConversionEvent]>([])
        var conversion = conversion
        conversion.workFolder = folder + "/work"
        _ = try await conversion.run { event in events.withLock { $0.append(event) } }
        var open: String?
        var names: [String] = []
        for event in events.withLock({ $0 }) {
            switch event {
            case .began(let stage):
                open = stage
                names.append(stage)
            case .advanced(let stage, let fraction, _):
                #expect(stage == open && (0...1).contains(fraction))
            case .ended(let stage, _): #expect(stage == open)
            case .note, .warning: break
            }
        }
        #expect(names.first == "import" && names.last == "write" && names.contains("quantize"))
    }

    @Test func aPlanTellsWhatItTakes() async throws {
        let plan = try await conversion.plan()
        // Seconds are tenths, and a quick machine takes none for so small a model.
        #expect(plan.stages.contains { $0.name == "quantize" && $0.memoryBytes > 0 && $0.diskBytes > 0 })
        #expect(plan.stages.allSatisfy { $0.seconds >= 0 })
        #expect(plan.outputBytes > 0 && plan.memoryBytes > 0 && plan.leftOut.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: conversion.output))
    }

    @Test func errorsSpeakOfTheLibrarysSettings() async throws {
        var conversion = conversion
        _ = FileManager.default.createFile(atPath: conversion.output, contents: nil)
        let exists = await error(of: conversion)
        #expect(exists?.code == .cannotCreate && exists?.remedy == "Use replacesOutput to replace it")
        conversion.replacesOutput = true
        conversion.recipe.taskData = ["none": "x"]
        let task = await error(of: conversion)
        #expect(task?.code == .invalidArgument && task?.place == "taskData")
        conversion.recipe.taskData = [:]
        conversion.recipe.precisions = [4, 2]
        #expect(await error(of: conversion)?.code == .invalidData)
        conversion.recipe.precisions = nil
        conversion.threads = 0
        #expect(await error(of: conversion)?.place == "threads")
        conversion.threads = nil
        conversion = Conversion(of: folder + "/nothing", to: folder + "/x.taper")
        #expect(await error(of: conversion)?.code == .notFound)
    }

    /// Averages of bits and a learned scheduler, as a recipe of the program has them.
    @Test func bitsBetweenAndALearnedSchedulerAreMade() async throws {
        var conversion = conversion
        conversion.recipe.omitsCalibration = false
        conversion.recipe.omitsQuality = true
        conversion.recipe.averageBits = [2.5]
        let text = Self.checkpoint + "/calibration.txt"
        var learned = Recipe.LearnedScheduler(text: text, precisions: [4, 2])
        (learned.prompts, learned.maxTokens, learned.tolerance) = (10, 6, 0.5)
        conversion.recipe.learnedScheduler = learned
        let plan = try await conversion.plan()
        #expect(plan.stages.map(\.name).contains("rungs") && plan.stages.map(\.name).contains("learned scheduler"))
        #expect(!plan.stages.map(\.name).contains("quality"))
        let report = try await conversion.run()
        let model = try await LanguageModel(path: report.output)
        #expect(model.facts.hasLearnedScheduler)
        let answer = try await model.answer("Who was Noah?", options: .init(maxTokens: 6, precision: .learned))
        #expect(!answer.tokens.isEmpty)
    }

    @Test func impossibleSettingsAreNamed() async throws {
        var conversion = conversion
        conversion.recipe.averageBits = [3.456]
        #expect(await error(of: conversion)?.place == "averageBits")
        conversion.recipe.averageBits = nil
        var learned = Recipe.LearnedScheduler(text: "x", precisions: [2, 4])
        conversion.recipe.learnedScheduler = learned
        #expect(await error(of: conversion)?.place == "learnedScheduler.precisions")
        learned.precisions = [4, 2]
        learned.prompts = 3
        conversion.recipe.learnedScheduler = learned
        let prompts = await error(of: conversion)
        #expect(prompts?.place == "learnedScheduler.prompts" && prompts?.expected == "10 to 100000")
    }

    private func error(of conversion: Conversion) async -> TaperError? {
        await #expect(throws: TaperError.self) { try await conversion.run() }
    }

    @Test func aCutLeavesTheLowPrecisions() async throws {
        let report = try await conversion.run()
        let cut = folder + "/cut.taper"
        try await Conversion.cut(bundle: report.output, to: cut, maxBits: 2)
        #expect(try BundleReport(path: cut).rows.map(\.precision) == [2])
        await #expect(throws: TaperError(.invalidArgument, "")) {
            try await Conversion.cut(bundle: report.output, to: self.folder + "/none.taper", maxBits: 8)
        }
    }

    @Test func calibrationIsStoredInTheBundle() async throws {
        let report = try await conversion.run()
        var calibration = TaskCalibration(
            of: report.output, task: "answer", examples: Self.root + "/samples/tasks/tiny.val.jsonl")
        (calibration.maxTokens, calibration.exampleLimit, calibration.tolerance) = (16, 3, 0.5)
        let schedule = try await calibration.run()
        #expect(schedule.task == "answer" && schedule.metric == "rouge-l" && schedule.maxTokens == 16)
        let stored = try #require(try BundleReport(path: report.output).schedules.first)
        #expect(stored.switchPoints == schedule.switchPoints && stored.score == schedule.score)
        #expect(try LanguageModel(path: report.output).facts.schedules.map(\.task) == ["answer"])
        calibration.tolerance = 2
        let intolerant = calibration
        let wrong = await #expect(throws: TaperError.self) { try await intolerant.run() }
        #expect(wrong?.place == "tolerance" && wrong?.expected == "0 to 1" && wrong?.found == "2")
        calibration.tolerance = 0
        calibration.highest = 1
        let empty = calibration
        await #expect(throws: TaperError(.invalidArgument, "")) { try await empty.run() }
    }

    @Test func damageIsFound() async throws {
        let report = try await conversion.run()
        #expect(try BundleReport.problems(ofBundle: report.output).isEmpty)
        var damaged = try bytes(report.output)
        damaged[damaged.count / 2] ^= 1
        let path = folder + "/damaged.taper"
        try damaged.write(to: URL(fileURLWithPath: path))
        #expect(try BundleReport.problems(ofBundle: path).count == 1)
    }
}
