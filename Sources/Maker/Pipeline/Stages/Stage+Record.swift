import Checkpoint
import Model
package import Storage

// What is kept beside an output: digests of everything it was made from, by name, so that what differs can be told later.
extension Stage {
    package static let recordSchema = "taper-artifact-1"

    package var record: JSONValue {
        .object([
            .init("schema", .string(Self.recordSchema)), .init("stage", .string(kind.name)),
            .init("subject", subject.map { .string($0) } ?? .null), .init("version", .integer(version)),
            .init("key", .string(key.text)),
            .init("facts", .object(facts.map { .init($0.name, .string($0.digest.text)) })),
        ])
    }

    /// Names of the facts in which a record differs, "version" among them; nil for a record of another stage.
    package func differences(from record: JSONValue) -> [String]? {
        guard record["schema"]?.string == Self.recordSchema, record["stage"]?.string == kind.name,
            record["subject"]?.string == subject, let members = record["facts"]?.members
        else { return nil }
        var stored: [String: String] = [:]
        for member in members { stored[member.key] = member.value.string }
        var names = facts.filter { stored[$0.name] != $0.digest.text }.map(\.name)
        let known = Set(facts.map(\.name))
        names += members.map(\.key).filter { !known.contains($0) }
        if record["version"]?.integer != version { names.append("version") }
        return names
    }

    /// Of the tensor that it quantizes; 0 for other stages.
    var weightCount: Int {
        switch work {
        case let work as NestedTensorStage: work.tensor.shape.reduce(1, *)
        case let work as ByteTensorStage: work.tensor.shape.reduce(1, *)
        case let work as JointTensorStage: work.rows * work.columns
        case let work as HeadStage: work.model.config.vocabularySize * work.model.config.hiddenSize
        default: 0
        }
    }

    /// Work that it takes, against others of its kind: k-means, a pass over the model, or hardly anything.
    var cost: Double {
        switch work {
        case is HeadStage: Double(weightCount) * 800
        case is ByteTensorStage: Double(weightCount) * 2
        default: Double(max(1, weightCount)) * 100
        }
    }
}

extension Digest {
    /// 32 hexadecimal digits.
    var text: String { hexDigits(high) + hexDigits(low) }
}

/// 16 hexadecimal digits.
func hexDigits(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
