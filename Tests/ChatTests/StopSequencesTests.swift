import Chat
import Model
import Runtime
import Testing

@Suite struct StopSequencesTests {
    /// Feeds the pieces and returns all that came out, with the stop string found.
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, found: String?) {
        var matcher = StopSequences(stops)
        var text = ""
        for piece in pieces { matcher.append(piece, bits: 0) { part, _ in text += part } }
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
        for piece in ["ab<", "/", "x", "</s"] { matcher.append(piece, bits: 0) { part, _ in parts.append(part) } }
        #expect(parts == ["ab", "</x"])
        matcher.finish { part, _ in parts.append(part) }
        #expect(parts == ["ab", "</x", "</s"])
    }

    @Test func heldBackTextKeepsItsTag() {
        var matcher = StopSequences(["<<<"])
        var parts: [String] = []
        matcher.append("a<", bits: 6) { part, tag in parts.append(part + tag.text) }
        matcher.append("<b", bits: 4) { part, tag in parts.append(part + tag.text) }
        #expect(parts == ["a6", "<6", "<b4"])
    }

    /// Text and, in angles, special tokens.
    private func run(_ stops: [String], special: [String], _ pieces: [String]) -> (text: String, found: String?) {
        var matcher = StopSequences(stops, special: special)
        var text = ""
        for piece in pieces {
            if piece.hasPrefix("<|") {
                matcher.append(special: piece) { part, _ in text += part }
            } else {
                matcher.append(piece, bits: 4) { part, _ in text += part }
            }
        }
        matcher.finish { part, _ in text += part }
        return (text, matcher.found)
    }

    @Test func aStopStringMayNameSpecialTokens() {
        let pieces = ["b", "<|end|>", "x", "y", "<|a|>", "<|b|>", "z"]
        for (stop, text) in [
            ("<|end|>", "b"), ("b<|end|>", ""), ("<|end|>x", "b"), ("<|end|>xy<|a|>", "b"), ("<|a|><|b|>", "bxy"),
            ("y<|a|><|b|>z", "bx"), ("<|b|>z", "bxy"), ("<|b|>y", "bxyz"), ("|><|", "bxy"),
        ] {
            let result = run([], special: [stop], pieces)
            #expect(result.text == text && (result.found != nil) == (stop != "<|b|>y"), "\(stop): \(result)")
        }
        // Spelled by ordinary tokens it stops too.
        #expect(run([], special: ["<|end|>"], ["a<", "|end", "|>b"]).text == "a")
    }

    @Test func aStopStringOfTextLooksAtTheTextAlone() {
        let pieces = ["Us", "<|a|>", "er:", " x"]
        #expect(run(["User:"], special: [], pieces).text.isEmpty)
        #expect(run(["User:"], special: ["<|b|>"], pieces).text.isEmpty)
        let both = run(["er: x"], special: ["<|a|>z"], pieces)
        #expect(both.text == "Us" && both.found == "er: x")
    }

    @Test func specialTokensNeverComeOut() {
        #expect(run([], special: ["<|end|>!"], ["a", "<|end|>", "b", "<|end|>"]).text == "ab")
    }
}
