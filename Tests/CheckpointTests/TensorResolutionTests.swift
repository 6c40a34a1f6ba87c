import Checkpoint
import Foundation
import Model
import Storage
import Testing

/// Tensors of heads that files hold in more than one form.
@Suite struct TensorResolutionTests {
    @Test func onlyWeightsOfHeadsMayStandAsRows() throws {
        var model = TinyModel()
        for index in model.tensors.indices where model.tensors[index].name.hasSuffix("1.input_layernorm.weight") {
            model.tensors[index].shape = [2, 4]
        }
        let directory = try ScratchDirectory()
        try model.write(to: directory)
        expectFailure(.badData, ["1.input_layernorm.weight", "expected [8]", "found [2, 4]"]) {
            _ = try Checkpoint.open(directory.path)
        }
    }

    @Test func aMissingHeadIsNamed() throws {
        let folder = FamilyFiles.oracle("stablelm-parallel-qknorm")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/model.safetensors"))
        let name = "model.layers.1.self_attn.q_layernorm.norms.2.weight"
        let place = try #require(bytes.range(of: Data(name.utf8)))
        bytes.replaceSubrange(place, with: Data(name.replacing("norms.2", with: "norms.9").utf8))
        let directory = try ScratchDirectory()
        try directory.write(Array(bytes), to: "model.safetensors")
        try directory.write(try Files.read(folder + "/config.json", limit: 1 << 20), to: "config.json")
        expectFailure(.badData, ["'" + name + "'", "1 missing"]) { _ = try Checkpoint.open(directory.path) }
    }
}
