import Bundle
import Calibration
import Evaluation
package import Model
import Quantization
package import Reference
public import Storage

/// What one stage is expected to take.
public struct StageEstimate: Equatable, Sendable {
    public let name: String
    public let seconds: Double
    /// Most memory while it runs, in bytes.
    public let memoryBytes: Int
    /// What it leaves in the store, in bytes.
    public let diskBytes: Int
    /// What to do where there is not so much memory; nil for what cannot be left out.
    let remedy: String?

    init(_ name: String, seconds: Double, memory: Double, disk: Double = 0, remedy: String? = nil) {
        self.name = name
        self.seconds = seconds
        memoryBytes = Int(min(memory, 1e18))
        diskBytes = Int(min(disk, 1e18))
        self.remedy = remedy
    }

    public var json: JSONValue {
        .object([
            .init("stage", .string(name)), .init("seconds", .number((seconds * 10).rounded() / 10)),
            .init("memory_bytes", .integer(memoryBytes)), .init("disk_bytes", .integer(diskBytes)),
        ])
    }
}

/// Time, memory and disk of every stage of a conversion, from the model's shape and the recipe alone: no weight is read.
///
/// Memory is what the stages' own code allocates, to within a fifth. Seconds are counts of operations divided by what this machine
/// does of each kind in a second, where that was measured, and else follow its products of floats (`Costs`).
package struct ConversionEstimate {
    package private(set) var stages: [StageEstimate] = []
    /// Of the finished bundle.
    package private(set) var outputBytes = 0

    package var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }
    package var memoryBytes: Int { stages.map(\.memoryBytes).max() ?? 0 }
    /// In the store at the end.
    package var workBytes: Int { stages.reduce(0) { $0 + $1.diskBytes } }

    /// - Parameters:
    ///   - storedBytes: of the checkpoint's tensors.
    ///   - tokens: of the text that a use reads, where it is known; else as many as the recipe asks for.
    ///   - prompts: of every task by its name, where they are known; else as long as the context lets them be.
    ///   - budget: what stages may use where more saves time.
    ///   - rates: of this machine; nil where nothing measured them.
    package init(
        _ recipe: Recipe, _ config: ModelConfig, storedBytes: Int, tokens: [TextUse: Int] = [:],
        prompts: [String: PromptSizes] = [:], budget: MemoryBudget = .usual, rates: MachineRates? = nil
    ) {
        let shape = Shape(config)
        let rates = rates ?? MachineRates(single: 2 * Costs.operations, passes: 2 * Costs.operations, passBytes: 4)
        let (rate, passRate) = (max(rates.single, 1e6), max(rates.passes, 1e6))
        // Of a weight as products read it, and of what is read and rounded at once.
        let weightBytes = Double(rates.passBytes)
        let blockBytes = weightBytes * shape.block + 8 * shape.largestLinear
        // Other work is as much slower or faster than on the machine of the costs as products are.
        let scale = Costs.operations / rate
        let (jointScale, kMeansScale) = (rates.joint ?? scale, rates.kMeans ?? scale)
        let length = Double(min(recipe.calibrationLength, config.contextLength))
        func tokenCount(_ use: TextUse) -> Double {
            let amount = use.amount(recipe, contextLength: config.contextLength)
            let text = tokens[use].map { Double($0) } ?? Double(amount.count * amount.length)
            return (recipe.calibrationText == nil ? 0 : text)
                + Double(min(recipe.ownSequences, amount.ownLimit)) * Double(amount.length)
        }
        func forward(_ tokens: Double, _ rate: Double) -> Double {
            2 * shape.linear * tokens / (Costs.thick * rate) + shape.linear * Costs.decode * scale
        }
        func streamed(_ tokens: Double) -> Double {
            4 * (tokens * shape.hidden + 12 * length * shape.widest) + blockBytes
        }
        let keepsBlocks =
            ReferenceModel.Residency.keeping(config, budget, bytesPerWeight: rates.passBytes) == .resident
        let logits = 4 * length * shape.vocabulary
        // Those of a step and of what it is compared with; the backward of a cap needs them as the cap left them, too.
        let gradientLogits = (config.logitCap == nil ? 2 : 3) * logits
        let size = shape.packedBytes(recipe)
        outputBytes = Int(size.all)

        stages.append(
            StageEstimate(
                "read weights", seconds: Double(storedBytes) * Costs.hash * scale,
                memory: min(Double(storedBytes), 256e6)))
        stages.append(
            StageEstimate(
                "range", seconds: shape.linear / 3 * Costs.decode * scale, memory: 4 * (2 * shape.block + shape.table)))
        if recipe.ownSequences > 0, recipe.hasCalibration {
            let count = Double(recipe.ownSequences)
            let places = Double(min(recipe.ownSequences, OwnTextStage.places(config, length: Int(length), budget)))
            let steps = length * (count / places).rounded(.up)
            // Weights are bytes here.
            let product = (shape.linear + shape.table) * (Costs.byteWeight + places * Costs.byteRow)
            let step = product + places * shape.vocabulary * Costs.draw
            stages.append(
                StageEstimate(
                    "write own text",
                    seconds: (steps * step + shape.weights * Costs.byte) * scale,
                    memory: shape.weights + 134e6 + 4 * places * shape.vocabulary + places * length * shape.cache,
                    disk: 4 * count * length,
                    remedy: "leave it out with \(field("generated")) 0, or calibration.generated 0 in the recipe"))
        }
        if recipe.hasCalibration {
            let tokens = tokenCount(.arrange)
            stages.append(
                StageEstimate(
                    "arrange", seconds: forward(tokens, passRate), memory: streamed(tokens), disk: 16 * shape.hidden))
        }
        let isJoint = recipe.effectiveMethod == .joint
        let statistics = tokenCount(.statistics)
        if isJoint {
            if recipe.isGuided {
                // One sequence's at least.
                let walkLimit = max(Double(budget.stateBytes), 4 * length * shape.hidden * (shape.layers + 2))
                let stateBytes = 4 * statistics * shape.hidden * (shape.layers + 2)
                let walks = (stateBytes / walkLimit).rounded(.up)
                stages.append(
                    StageEstimate(
                        "weigh positions",
                        seconds: (6 * shape.linear + 4 * shape.table) * statistics / (Costs.thick * passRate)
                            + 2 * walks * shape.linear * Costs.decode * scale,
                        memory: min(stateBytes, walkLimit) + blockBytes + weightBytes * shape.table
                            + 1.5 * gradientLogits + length * shape.kept / max(1, shape.layers),
                        disk: 16 * statistics * shape.layers,
                        remedy: "put \"guided\": false into the recipe, or choose the effort fast"))
            }
            let columns = shape.columnsSquared
            stages.append(
                StageEstimate(
                    "quantize jointly",
                    seconds: forward(statistics, passRate)
                        + shape.layers * statistics * columns / (Costs.thick * passRate)
                        + config.tensorRequirements().filter(\.isLinear).reduce(0) {
                            $0 + Self.jointly(rows: $1.shape[0], columns: $1.shape[1], rounds: recipe.joint.rounds)
                        } * jointScale,
                    memory: streamed(statistics) + 4 * columns + 10 * shape.widest * shape.widest
                        + 2 * shape.jointScratch(bits: recipe.nestedPrecisions.last ?? 6),
                    disk: size.linear,
                    remedy: "choose the effort fast"))
        } else if recipe.hasCalibration {
            let isFisher = recipe.effectiveMethod == .anyPrecision
            stages.append(
                StageEstimate(
                    "sensitivity", seconds: isFisher ? 3 * forward(statistics, rate) : forward(statistics, passRate),
                    memory: isFisher ? 12 * shape.weights + gradientLogits : streamed(statistics),
                    disk: isFisher ? 4 * shape.linear : 4 * shape.layers * 8 * shape.widest,
                    remedy: "leave out the calibration text"))
        }
        let nestedHead = recipe.embeddingPrecisions != [8]
        let headTokens = isJoint && nestedHead ? tokenCount(.head) : 0
        // Its inputs are what the pass for the joint codes leaves.
        let headCost =
            Self.jointly(rows: config.vocabularySize, columns: config.hiddenSize, rounds: recipe.joint.rounds)
            * jointScale
        stages.append(
            StageEstimate(
                "quantize",
                seconds: config.tensorRequirements().reduce(0) {
                    let count = $1.shape.reduce(1.0) { $0 * Double($1) }
                    if $1.shape.count != 2 || $1.isLinear && isJoint { return $0 }
                    if isJoint, nestedHead, $1.name == config.headName { return $0 + headCost }
                    return $0 + count
                        * ($1.isLinear || nestedHead ? Costs.kMeans * kMeansScale : Costs.decode * scale)
                },
                memory: max(
                    headTokens > 0 ? streamed(headTokens) : 0,
                    max(
                        (nestedHead ? 2 * size.other : 2 * shape.table) + min(8 * shape.table, 400e6),
                        isJoint ? 0 : 10 * shape.largestLinear)),
                disk: size.other + (isJoint ? 0 : size.linear)))
        let plans = recipe.tuningPlans
        if !plans.isEmpty {
            let steps = Double(plans.reduce(0) { $0 + $1.steps })
            let step =
                length * 4.5 * (shape.linear + shape.table) / (Costs.thick * passRate)
                + (keepsBlocks ? 2 : 3) * shape.linear * Costs.tables * scale
            let own = tokenCount(.tuning)
            let held = Self.codeBytes(recipe, shape)
            stages.append(
                StageEstimate(
                    "tune", seconds: forward(own, passRate) + steps * step,
                    memory: held + (keepsBlocks ? weightBytes * shape.linear : blockBytes)
                        + 2 * weightBytes * shape.table + size.other + 4 * own * shape.hidden + logits
                        + 1.5 * gradientLogits + length * shape.kept,
                    disk: size.tables + 12 * shape.linearRows * Double(2 << (recipe.nestedPrecisions.last ?? 6)),
                    remedy: "put \"tuning\": [] into the recipe, or choose the effort fast"))
        }
        stages.append(
            StageEstimate(
                "pack", seconds: 2 * size.all * Costs.write * scale, memory: 8 * max(shape.table, shape.largestLinear)))
        if recipe.screensHead, nestedHead, recipe.hasCalibration {
            stages.append(Self.screening(config, rate: rate, scale: scale))
        }
        if !recipe.rungs.isEmpty {
            let tokens = tokenCount(.rungs)
            stages.append(
                StageEstimate(
                    "rungs",
                    seconds: tokens * 6 * (shape.linear + shape.table) / (Costs.thick * passRate)
                        + tokens / Double(RungText.length) * shape.linear * (Costs.tables + Costs.decode) * scale,
                    memory: Self.codeBytes(recipe, shape) + (keepsBlocks ? weightBytes * shape.linear : blockBytes)
                        + weightBytes * shape.table + 1.5 * gradientLogits + length * shape.kept,
                    remedy: "leave out \"rungs\""))
        }
        addJudging(recipe, config, shape, prompts, rate: rate, forward: { forward($0, rate) }, streamed: streamed)
        stages.append(
            StageEstimate("write", seconds: size.all * Costs.write * scale, memory: min(size.all, 64e6)))
    }

    /// Stages that run the bundle.
    private mutating func addJudging(
        _ recipe: Recipe, _ config: ModelConfig, _ shape: Shape, _ prompts: [String: PromptSizes], rate: Double,
        forward: (Double) -> Double, streamed: (Double) -> Double
    ) {
        let served = Double(recipe.precisions.count + recipe.rungs.count)
        // Decoding some answers together reads the weights once for all of them.
        let stepSeconds = 2 * (shape.linear + shape.table) / (0.2 * rate)
        for task in recipe.tasks where task.dataPath != nil {
            let steps = Double(min(task.examples, 1000) * task.maxNewTokens)
            let comparesModels = task.metric == "agreement" || task.metric == "kl"
            let memory = AnswerMemory(
                shape: shape,
                prompts: prompts[task.name]
                    ?? PromptSizes(atMost: task.examples, newTokens: task.maxNewTokens, config),
                newTokens: task.maxNewTokens, strategies: max(Int(served), 3))
            let floats = memory.floatSequences(config)
            let answers =
                memory.sequences + memory.keptPrompts + memory.buffers + (task.metric == "kl" ? memory.paths : 0)
            stages.append(
                StageEstimate(
                    "calibrate " + task.name, seconds: steps * served * 1.5 * stepSeconds,
                    memory: answers + (comparesModels ? 4 * shape.weights + floats : 0),
                    remedy: "leave out the task, or choose a metric that compares texts"))
        }
        if let learned = recipe.learned {
            let steps = Double(learned.prompts * learned.maxNewTokens)
            let settings = LearnedSettings(precisions: [])
            let memory = AnswerMemory(
                shape: shape,
                prompts: PromptSizes(
                    count: learned.prompts, longest: min(settings.lengths.upperBound, config.contextLength)),
                newTokens: learned.maxNewTokens,
                strategies: ClassifierShape.classCount * max(1, learned.precisions.count - 1))
            // What the classifier sees: keys and values of one head of one layer.
            let states = 2 * 4 * Double(learned.prompts * min(settings.lengths.upperBound, settings.window))
            stages.append(
                StageEstimate(
                    "learned scheduler", seconds: steps * 6 * stepSeconds,
                    memory: 4 * shape.weights + memory.sequences + memory.buffers
                        + memory.floatSequences(config)
                        + states * Double(config.headSize),
                    remedy: "leave out \"learned\""))
        }
        if let quality = recipe.quality {
            let window = Double(min(quality.window, config.contextLength))
            let tokens = window * Double(quality.windows)
            let run = 2 * (shape.linear + shape.table) * tokens / (Costs.thick * rate) * Costs.quantized
            stages.append(
                StageEstimate(
                    "quality", seconds: forward(tokens) + (served + Double(recipe.tasks.count)) * run,
                    memory: streamed(tokens) + (4 * shape.table <= Double(1 << 29) ? 4 * shape.table : 200e6)
                        + 12 * window * shape.vocabulary))
        }
    }
}
