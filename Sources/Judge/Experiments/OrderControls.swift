import Evaluation
import Model
import Storage

/// Methods that change precision within an answer, and for each the same bits in other orders: reversed where it falls, dealt at
/// random several times. Orders that are there already are left out.
struct OrderControls {
    struct Control {
        let label: String
        let kind: ExperimentMethod.Kind
        /// The controlled method.
        let method: Int
        /// Other methods with the same bits.
        let note: String?
        /// nil of a reversed order.
        let deal: Int?
    }
    /// All deals of one method stand together.
    let all: [Control]
    /// Labels of the reversed and of the shuffled bits of every method, where there are any.
    let reversedLabels: [String?]
    let shuffledLabels: [String?]
    private let methods: [ExperimentMethod]
    private let outcomes: MethodOutcomes

    init(_ methods: [ExperimentMethod], _ outcomes: MethodOutcomes, deals: Int) {
        self.methods = methods
        self.outcomes = outcomes
        var controls: [Control] = []
        var (reversedLabels, shuffledLabels) = (
            [String?](repeating: nil, count: methods.count), [String?](repeating: nil, count: methods.count)
        )
        func histogram(_ method: Int) -> [[Precision: Int]] {
            outcomes.sources(of: method, methods).map { bits in bits.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
        }
        let examples = outcomes.followed.indices
        let varying = methods.indices.filter { method in
            ![.constant, .prefill, .speculation].contains(methods[method].kind)
                && outcomes.sources(of: method, methods).contains { Set($0).count > 1 }
        }
        for method in varying {
            let falls = outcomes.sources(of: method, methods).allSatisfy { bits in
                zip(bits, bits.dropFirst()).allSatisfy { $0 >= $1 }
            }
            let reversed = examples.map { Array(outcomes.path(of: method, $0).reversed()) }
            let known = varying.first { other in
                methods[method].kind == .pattern && methods[other].kind == .pattern
                    && examples.allSatisfy { outcomes.path(of: other, $0) == reversed[$0] }
            }
            if falls {
                let label = known.map { methods[$0].label } ?? methods[method].label + ", reversed"
                reversedLabels[method] = label
                if known == nil {
                    controls.append(Control(label: label, kind: .reversed, method: method, note: nil, deal: nil))
                }
            }
            if deals == 0 || shuffledLabels[method] != nil { continue }
            let own = histogram(method)
            let label = methods[method].label + ", shuffled"
            let alike = varying.filter {
                methods[$0].prefillBits == methods[method].prefillBits && histogram($0) == own
            }
            for other in alike { shuffledLabels[other] = label }
            let others = alike.filter { $0 != method }.map { methods[$0].label }.joined(separator: "; ")
            for deal in 0..<deals {
                controls.append(
                    Control(
                        label: label, kind: .shuffled, method: method,
                        note: others.isEmpty ? nil : "the same bits as " + others, deal: deal))
            }
        }
        all = controls
        self.reversedLabels = reversedLabels
        self.shuffledLabels = shuffledLabels
    }

    /// - Parameter sample: whose answers are reordered; nil: the steps along the full-precision answers.
    func strategies(_ frame: ExperimentFrame, sample: Int?) -> [DecodeStrategy] {
        all.map { control in
            let orders = outcomes.followed.indices.map { example in
                let bits =
                    sample.map { outcomes.answer(of: control.method, methods, example, sample: $0) }
                    ?? outcomes.path(of: control.method, example)
                return control.deal.map {
                    StepOrder(dealing: bits, example: example, sample: sample ?? 0, deal: $0)
                } ?? StepOrder(reversing: bits)
            }
            return DecodeStrategy(
                prefillBits: methods[control.method].prefillBits ?? frame.prefill,
                rule: .pattern { example, step in orders[example].bits(atStep: step) ?? frame.high })
        }
    }
}

/// What some methods made of all examples.
struct MethodOutcomes {
    /// Along the full-precision answers: by example, then by method.
    var followed: [[TaskRunner.Outcome]]
    /// Answers: by sample, then as above.
    var samples: [[[TaskRunner.Outcome]]]

    /// Precisions along the full-precision answer; of a method that cannot be led along it those of its own first answer.
    func path(of method: Int, _ example: Int) -> [Precision] {
        let bits = followed[example][method].pathBits
        return bits.isEmpty ? samples[0][example][method].answer.bits : bits
    }

    /// Precisions of an answer's steps. A placement's are those of its definition: it counts along the full-precision answer.
    func answer(of method: Int, _ methods: [ExperimentMethod], _ example: Int, sample: Int) -> [Precision] {
        methods[method].kind == .pattern
            ? path(of: method, example) : samples[sample][example][method].answer.bits
    }

    /// All that a method's controls are made of.
    func sources(of method: Int, _ methods: [ExperimentMethod]) -> [[Precision]] {
        let examples = followed.indices
        return examples.map { path(of: method, $0) }
            + samples.indices.flatMap { sample in
                examples.map { answer(of: method, methods, $0, sample: sample) }
            }
    }

    /// The same with further methods behind these.
    mutating func append(_ other: MethodOutcomes) {
        for example in followed.indices { followed[example] += other.followed[example] }
        for sample in samples.indices {
            for example in samples[sample].indices { samples[sample][example] += other.samples[sample][example] }
        }
    }
}
