import Checkpoint
import Storage

/// A value that says itself what of it counts in a key: it has identity, or parts that no output depends on, such as paths.
package protocol KeyedContent {
    var keyContent: Any { get }
    /// For people.
    var text: String { get }
}

/// Content from outside: weights or texts, where other values are settings.
package protocol OutsideContent: KeyedContent {}

/// Short descriptions of what stages depend on.
enum FactText {
    private static let limit = 240

    static func of(_ value: Any) -> String {
        let text =
            switch value {
            case let stage as Stage: stage.label + " " + stage.key.text
            case let content as any KeyedContent: content.text
            case let bytes as [UInt8]: "\(bytes.count) bytes"
            case let lists as [[Int]]: "\(lists.count) sequences, \(lists.reduce(0) { $0 + $1.count }) tokens"
            default: general(value)
            }
        return text.count > limit ? text.prefix(limit) + "..." : text
    }

    private static func general(_ value: Any) -> String {
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { of($0.value) } ?? "none"
        case .collection where mirror.children.count > 24: return "\(mirror.children.count) items"
        case .collection: return "[" + mirror.children.map { of($0.value) }.joined(separator: ", ") + "]"
        case .struct, .tuple:
            guard !(value is any CustomStringConvertible) else { return "\(value)" }
            return mirror.children.map { ($0.label ?? "") + " " + of($0.value) }.joined(separator: ", ")
        case .enum:
            guard let child = mirror.children.first else { return "\(value)" }
            return (child.label ?? "") + " " + of(child.value)
        default: return "\(value)"
        }
    }
}
