import Foundation
import TaperConvert
import TaperRuntime
import Testing

/// The bundle of the sample checkpoint that these tests run, made once.
enum SampleBundle {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let folder = NSTemporaryDirectory() + "taper-library-\(UUID().uuidString)"

    private static let making = Task<String, any Error> {
        atexit { try? FileManager.default.removeItem(atPath: SampleBundle.folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var recipe = Recipe.standard(.fast)
        recipe.precisions = [2, 3, 4, 6]
        recipe.omitsCalibration = true
        var conversion = Conversion(
            of: root.appendingPathComponent("samples/tiny").path, to: folder + "/tiny.taper", recipe: recipe)
        conversion.workFolder = folder + "/work"
        _ = try await conversion.run()
        var calibration = TaskCalibration(
            of: conversion.output, task: "answer",
            examples: root.appendingPathComponent("samples/tasks/tiny.val.jsonl").path)
        calibration.tolerance = 0.3
        calibration.exampleLimit = 4
        _ = try await calibration.run()
        return conversion.output
    }

    static var path: String { get async throws { try await making.value } }

    static func model(_ options: LanguageModel.Options = .init()) async throws -> LanguageModel {
        try LanguageModel(path: try await path, options: options)
    }
}
