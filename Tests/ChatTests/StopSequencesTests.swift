import Chat
import Model
import Runtime
import Storage
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

    /// Long stop strings that the text nearly holds everywhere, token by token; anything but linear time would take hours.
    @Test func longStopStringsCostNoMoreThanShortOnes() {
        let long = String(repeating: "a", count: 50_000)
        var matcher = StopSequences([long + "b", "c" + long], special: ["a" + long + "b"])
        var count = 0
        for index in 0..<2_000_000 {
            matcher.append("aaaaa", bits: 4) { part, _ in count += part.utf8.count }
            if index % 1000 == 0 { matcher.append(special: "<|x|>") { part, _ in count += part.utf8.count } }
        }
        // All but what may still become the first of them.
        #expect(count == 10_000_000 - 50_000)
        matcher.finish { part, _ in count += part.utf8.count }
        #expect(count == 10_000_000 && matcher.found == nil)
    }

    /// Against looking for every stop string behind every byte.
    @Test func theFirstStopStringToEndIsFound() {
        var random = SplitMix64(seed: 3, stream: 0)
        func word(_ limit: UInt64) -> String {
            String((0..<1 + random.next() % limit).map { _ in random.next() % 2 == 0 ? "a" : "b" })
        }
        for _ in 0..<1000 {
            let (stops, pieces) = ([word(5), word(7)], (0..<8).map { _ in word(4) })
            let text = Array(pieces.joined().utf8)
            var expected = (text: pieces.joined(), found: String?.none)
            search: for end in 1...text.count {
                for stop in stops where text[..<end].suffix(stop.utf8.count).elementsEqual(stop.utf8) {
                    let kept = text[..<(end - stop.utf8.count)]
                    expected = (String(decoding: kept, as: UTF8.self), stop)
                    break search
                }
            }
            let found = run(stops, pieces)
            #expect(found.text == expected.text && found.found == expected.found, "\(stops) \(pieces)")
        }
    }
}
