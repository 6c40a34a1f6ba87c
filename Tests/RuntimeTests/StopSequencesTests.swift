import Runtime
import Testing

@Suite struct StopSequencesTests {
    /// Feeds the pieces and returns all that came out, with the stop string found.
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, found: String?) {
        var matcher = StopSequences(stops)
        var text = ""
        for piece in pieces { matcher.append(piece, tag: 0) { part, _ in text += part } }
        matcher.finish { part, _ in text += part }
        return (text, matcher.found)
    }

    @Test func findsAStopStringAcrossPieces() {
        let result = run(["\nUser:"], ["Hello", "\nUs", "er", ": more"])
        #expect(result.text == "Hello")
        #expect(result.found == "\nUser:")
    }

    @Test func everyCutOfTheTextGivesTheSameResult() {
        let text = Array("a ab aab aabaab stop é⟨end⟩ rest")
        for stops in [["aabaab"], ["⟨end⟩"], ["zzz"], ["stop", "sto"], ["é⟨e"], [""]] {
            let whole = run(stops, [String(text)])
            for first in 0...text.count {
                for second in stride(from: first, through: text.count, by: 3) {
                    let pieces = [text[..<first], text[first..<second], text[second...]].map { String($0) }
                    let cut = run(stops, pieces)
                    #expect(cut.text == whole.text && cut.found == whole.found)
                }
            }
        }
    }

    @Test func holdsBackOnlyAPossibleBeginning() {
        var matcher = StopSequences(["</s>"])
        var parts: [String] = []
        for piece in ["ab<", "/", "x", "</s"] { matcher.append(piece, tag: 0) { part, _ in parts.append(part) } }
        #expect(parts == ["ab", "</x"])
        matcher.finish { part, _ in parts.append(part) }
        #expect(parts == ["ab", "</x", "</s"])
    }

    @Test func heldBackTextKeepsItsTag() {
        var matcher = StopSequences(["<<<"])
        var parts: [String] = []
        matcher.append("a<", tag: 6) { part, tag in parts.append(part + String(tag)) }
        matcher.append("<b", tag: 4) { part, tag in parts.append(part + String(tag)) }
        #expect(parts == ["a6", "<6", "<b4"])
    }
}
