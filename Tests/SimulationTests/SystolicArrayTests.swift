import Simulation
import Storage
import Testing

/// Against SCALE-Sim (`make_scalesim_golden.py`), which counts to its last cycle's index: one less for a whole layer.
@Suite struct SystolicArrayTests {
    @Test func denseLayersTakeTheCyclesOfAnotherSimulator() throws {
        let golden = try SampleFiles.json("Tests/SimulationTests/Fixtures/scalesim.json")
        let cases = try #require(golden["cases"]?.array)
        #expect(cases.count == 42)
        for item in cases {
            func number(_ key: String) throws -> Int { try #require(item[key]?.integer) }
            let dataflow = try #require(SystolicArray.Dataflow(rawValue: item["dataflow"]?.string ?? ""))
            let array = SystolicArray(
                rows: try number("array_rows"), columns: try number("array_columns"), dataflow: dataflow)
            let cycles = array.cycles(
                tokens: try number("tokens"), rows: try number("rows"), columns: try number("columns"))
            #expect(cycles == (try number("cycles")) + 1, "\(item.text())")
        }
    }
}
