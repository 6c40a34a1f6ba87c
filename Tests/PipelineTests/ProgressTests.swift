import Storage
import Testing

import Pipeline

@Suite struct ProgressTests {
    @Test func anObserverHearsEverythingInOrder() {
        var heard: [String] = []
        let progress = Progress { event in
            switch event {
            case .began(let stage): heard.append("began " + stage)
            case .advanced(let stage, let fraction, let left): heard.append("\(stage) \(fraction) \(left == nil)")
            case .ended(let stage, let result): heard.append("ended \(stage): \(result)")
            case .note(let text): heard.append("note " + text)
            case .warning(let text): heard.append("warning " + text)
            }
        }
        progress.begin("a")
        progress.update(0.5)
        progress.note("n")
        progress.warn("w")
        progress.end("done")
        #expect(heard == ["began a", "a 0.5 true", "note n", "warning w", "ended a: done"])
    }
}
