import Bundle
import Calibration
import Checkpoint
import Evaluation
import Model
import Reference
import Storage

/// Switch points of a task.
struct ScheduleStage: ByteStage {
    static let kind = StageKind.calibrate
    static let version = 6

    let bundle: BundleInput
    let examples: [TaskExample]
    let settings: TaskCalibrationSettings
    /// nil: answers are compared with texts, or with the bundle's highest precision.
    let reference: ModelInput?
    var subject: String? { settings.task }

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let bundle = try bundle.open(workspace)
        let model = try reference.map { reference throws(TaperError) in
            let checkpoint = try reference.open(workspace)
            try checkpoint.checkVocabulary(equals: bundle.manifest.model, of: bundle.path)
            return try ReferenceModel(checkpoint, residency: .resident, threads: workspace.threads)
        }
        return try calibrateTask(
            bundle: bundle, examples: examples, settings: settings, reference: model,
            pool: workspace.pool
        ) { workspace.update($0) }.json.bytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> CalibratedSchedule {
        try CalibratedSchedule(json: try JSONValue.parse(bytes, place: "stored schedule"), place: "stored schedule")
    }

    func outcome(_ output: CalibratedSchedule) -> String? {
        "\(output.schedule.text), average \(fixed(output.averageBits, 2)) bits"
    }
}
