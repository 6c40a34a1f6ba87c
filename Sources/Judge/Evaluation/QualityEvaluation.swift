public import Kernels
public import Model
public import Reference
public import Runtime
public import Storage

/// Perplexity of every schedule on the same windows, compared with the full-precision model where one is given; that
/// model's own result comes first.
public func evaluateQuality(
    bundle: Engine?, schedules: [(label: String, schedule: PrecisionSchedule)], reference: ReferenceModel?,
    windows: [PerplexityProtocol.Window], pool: ThreadPool, progress: (Double) -> Void
) throws(TaperError) -> [QualityResult] {
    // The float pass takes about as long as one schedule.
    let share = reference == nil ? 0 : 1 / Double(1 + (bundle == nil ? 0 : schedules.count))
    let states = try reference.map { model throws(TaperError) in
        try ReferenceStates(
            model, sequences: windows.map(\.tokens),
            keepsHead: 4 * model.config.vocabularySize * model.config.hiddenSize <= 1 << 29
        ) {
            progress($0 * share)
        }
    }
    return try QualityMeasurement(windows: windows, reference: states, pool: pool).run(
        bundle.map { .bundle($0, schedules) }, includingReference: reference != nil
    ) { progress(share + $0 * (1 - share)) }
}
