import Bundle
import Model
import Quantization
import Reference
import Storage

/// Estimates every tensor's sensitivity on calibration text, and finds the allocations of the averages asked for.
struct RungStage: ByteStage {
    static let kind = StageKind.rungs
    static let version = 2

    let bundle: BundleInput
    let model: ModelInput
    let text: TextInput
    let averages: [Precision]

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let bundle = try bundle.open(workspace)
        let estimator = try SensitivityEstimator(
            bundle: bundle, source: WeightSource(try model.open(workspace)),
            residency: .keeping(model.config, workspace.memory), threads: workspace.threads, precision: .fastest)
        let found = RungSearch(
            try estimator.run(try text.sequences(workspace)) { workspace.update($0) }
        ).rungs(averages, bundle.manifest)
        for problem in found.problems { workspace.progress.warn(problem) }
        return JSONValue.array(found.rungs.map(\.json)).bytes()
    }

    /// Content of the bundle's section.
    func read(_ bytes: [UInt8]) throws(TaperError) -> JSONValue { try JSONValue.parse(bytes, place: "stored rungs") }

    func outcome(_ output: JSONValue) -> String? {
        let names = (output.array ?? []).compactMap { Precision(json: $0["bits"]) }
        return names.isEmpty ? "none can be made" : Precision.text(names) + " bits"
    }
}
