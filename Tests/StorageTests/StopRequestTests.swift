import Storage
import Testing

@Suite struct StopRequestTests {
    @Test func onlyWorkThatHeedsItStops() throws {
        let (request, other) = (StopRequest(), StopRequest())
        request.stop()
        try Interrupt.check("")
        try other.heeded { () throws(TaperError) in try Interrupt.check("") }
        let error = #expect(throws: TaperError.self) {
            try request.heeded { () throws(TaperError) in try Interrupt.check("Begin again") }
        }
        #expect(error?.code == .interrupted && error?.message == "stopped on request. Begin again")
        try Interrupt.check("")
    }

    @Test func workStopsWhereItNextLooks() throws {
        let request = StopRequest()
        var rounds = 0
        #expect(throws: TaperError(.interrupted, "")) {
            try request.heeded { () throws(TaperError) in
                while true {
                    try Interrupt.check("")
                    rounds += 1
                    if rounds == 3 { request.stop() }
                }
            }
        }
        #expect(rounds == 3)
    }
}
