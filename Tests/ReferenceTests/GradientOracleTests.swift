import Checkpoint
import Foundation
import Model
import Reference
import Storage
import Testing

/// Loss and gradients as PyTorch computes them in float32.
@Suite struct GradientOracleTests {
    @Test(arguments: ReferenceOracleTests.names)
    func matchesPyTorch(name: String) throws {
        let folder = ReferenceOracleTests.folder + "/" + name
        let golden = try JSONValue.parse(try Files.read(folder + "/gradients.json", limit: 1 << 26), place: name)
        let tokens = try #require(golden["input_ids"]?.array).compactMap(\.integer)
        let expected = try #require(golden["cross_entropy"])
        let model = try GradientModel(WeightSource(try Checkpoint.open(folder)), threads: 2)
        let (loss, gradients) = try model.gradients(tokens)
        #expect(abs(loss - (try #require(expected["value"]?.double))) < 1e-5)
        let stored = StoredNames(
            try JSONValue.parse(try Files.read(folder + "/config.json", limit: 1 << 20), place: name))
        let named = try stored.gradients(gradients, model.config)
        let members = try #require(expected["gradients"]?.members)
        #expect(Set(members.map(\.key)) == Set(named.keys), "\(name)")
        for member in members { try compare(member.value, named[member.key], name, member.key) }
    }

    /// Length and sum within a thousandth of the length; single elements within a thousandth of themselves and of the
    /// root mean square. Beside, 1e-7 an element for what rounding leaves of gradients that are zero: softmax does not hear of
    /// a bias of keys that nothing turns.
    private func compare(_ expected: JSONValue, _ found: [Float]?, _ model: String, _ name: String) throws {
        let found = try #require(found, "\(model) has no \(name)")
        let length = try #require(expected["l2"]?.double)
        let square = found.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(square.squareRoot() - length) <= 1e-3 * length + 1e-7, "\(model) \(name): length")
        let sum = found.reduce(0.0) { $0 + Double($1) }
        let rounding = 1e-7 * Double(found.count).squareRoot()
        #expect(abs(sum - (try #require(expected["sum"]?.double))) <= 1e-3 * length + rounding, "\(model) \(name): sum")
        let places = try #require(expected["at"]?.array).compactMap(\.integer)
        let values = try #require(expected["values"]?.array).compactMap(\.double)
        #expect(places.count == values.count && !places.isEmpty)
        let typical = length / Double(found.count).squareRoot()
        for (place, value) in zip(places, values) {
            #expect(
                abs(Double(found[place]) - value) <= 1e-3 * (abs(value) + typical) + 1e-7, "\(model) \(name)[\(place)]")
        }
    }
}
