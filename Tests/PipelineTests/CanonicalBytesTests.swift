import Model
import Pipeline
import Storage
import Testing

@Suite struct CanonicalBytesTests {
    private enum Kind { case plain, other, sized(Int), named(name: String) }
    private struct Pair { var first: Int?, second: [String: Double] }

    /// Values that differ give bytes that differ, also where their parts run together.
    @Test func differentValuesGiveDifferentBytes() {
        let values: [Any] = [
            0, 1, UInt64(1), 1.0, Float(1), true, false, "1", "", "ab", ["a", "b"], ["ab"], [1, 2], [[1], [2]],
            [[1, 2]],
            [UInt8(1)], Kind.plain, Kind.other, Kind.sized(1), Kind.sized(2), Kind.named(name: "plain"),
            Pair(first: nil, second: [:]), Pair(first: 0, second: [:]), Pair(first: 0, second: ["a": 1]),
            Pair(first: 0, second: ["a": 2]), Set([1, 2]), Set([1, 3]), 1...2, Int?.none as Any,
        ]
        #expect(Set(values.map { CanonicalBytes.of($0) }).count == values.count)
    }

    @Test func orderOfASetOrDictionaryDoesNotCount() {
        let names = (0..<50).map { "name\($0)" }
        let one = Dictionary(uniqueKeysWithValues: names.map { ($0, $0.count) })
        var other: [String: Int] = [:]
        for name in names.reversed() { other[name] = name.count }
        #expect(CanonicalBytes.of(one) == CanonicalBytes.of(other))
        #expect(CanonicalBytes.of(Set(names)) == CanonicalBytes.of(Set(names.reversed())))
    }

    /// Each stored property of the model's description, whatever is added to it.
    @Test func everyFactOfAModelCounts() {
        let config = ModelConfig(
            family: "llama", hiddenSize: 8, intermediateSize: 16, layerCount: 2, headCount: 2, kvHeadCount: 1,
            headSize: 4, vocabularySize: 12, contextLength: 64, normEpsilon: 1e-5, ropeTheta: 10000)
        let bytes = CanonicalBytes.of(config)
        for label in Mirror(reflecting: config).children.compactMap(\.label) {
            #expect(bytes.firstRange(of: Array(label.utf8)) != nil, "\(label)")
        }
        var other = config
        other.describeEveryLayer { $0.rotation?.scaling = .linear(factor: 2) }
        var third = config
        third.describeEveryLayer { $0.rotation?.scaling = .linear(factor: 4) }
        #expect(Set([bytes, CanonicalBytes.of(other), CanonicalBytes.of(third)]).count == 3)
    }

    /// Every member of the description as bundles store it, with another value.
    @Test func everyFactWithAnotherValueGivesOtherBytes() throws {
        var config = ModelConfig(
            family: "llama", hiddenSize: 16, intermediateSize: 16, layerCount: 2, headCount: 4, kvHeadCount: 2,
            headSize: 4, vocabularySize: 12, contextLength: 64, normEpsilon: 1e-5, ropeTheta: 10000)
        config.describeEveryLayer {
            $0.rotation?.scaling = .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 32)
        }
        config.describeEveryLayer { $0.window = 8 }
        config.bosToken = 1
        config.eosTokens = [2]
        let members = try #require(config.json.members)
        var seen: Set<[UInt8]> = [CanonicalBytes.of(config)]
        for (index, member) in members.enumerated() {
            let others: [JSONValue] =
                switch member.value {
                case .bool(let value): [.bool(!value)]
                case .array(let list): [.array(list + [.integer(3)])]
                case .string: [.string("other"), .string("layer"), .string("gelu")]
                case .object(let parts):
                    parts.indices.dropFirst().map { part in
                        var changed = parts
                        changed[part] = .init(parts[part].key, .number((parts[part].value.double ?? 0) + 2))
                        return .object(changed)
                    }
                default:
                    [0.5, 2, 3].compactMap { factor in
                        member.value.integer.map { .integer(Int(Double($0) * factor)) }
                            ?? member.value.double.map { .number($0 * factor) }
                    }
                }
            var count = 0
            for other in others {
                var changed = members
                changed[index] = .init(member.key, other)
                guard let model = try? ModelConfig(json: .object(changed), place: "test") else { continue }
                #expect(seen.insert(CanonicalBytes.of(model)).inserted, "\(member.key)")
                count += 1
            }
            #expect(count > 0, "no other \(member.key) can be read")
        }
    }
}
