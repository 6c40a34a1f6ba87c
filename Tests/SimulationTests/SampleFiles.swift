import Foundation
import Simulation
import Storage

/// Files of the repository that tests read.
enum SampleFiles {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static func hardware(_ name: String) throws -> HardwareDescription {
        try HardwareDescription(path: root + "/samples/hardware/\(name).json")
    }
    static func shape(_ name: String) throws -> ModelShape {
        try ModelShape(path: root + "/samples/shapes/\(name).json")
    }
    static func json(_ path: String) throws -> JSONValue {
        try JSONValue.parse(try Files.read(root + "/" + path, limit: 1 << 24), place: path)
    }
    static func names(_ folder: String) throws -> [String] {
        try Files.list(root + "/" + folder).filter { $0.hasSuffix(".json") }.sorted()
    }

    /// A machine that nothing limits but what a test takes away from it.
    static func unlimited(_ change: (inout HardwareDescription) -> Void) throws -> HardwareDescription {
        var hardware = try hardware("edge-npu-2tops")
        hardware.memory.megabytesPerSecond = 100_000_000
        hardware.memory.latencyNanoseconds = 0
        for index in hardware.multipliers.indices { hardware.multipliers[index].perCycle = 1 << 24 }
        hardware.lookups = nil
        hardware.vector.lanes = 1 << 24
        (hardware.operationCycles, hardware.switchCycles) = (0, 0)
        change(&hardware)
        return hardware
    }
}
