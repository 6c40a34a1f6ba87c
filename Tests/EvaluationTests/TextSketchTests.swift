import Evaluation
import Storage
import Testing

@Suite struct TextSketchTests {
    /// Words that never repeat in the same order.
    private func text(_ range: Range<Int>) -> String {
        range.map { "word\(($0 &* 7919) % 100_003) and \($0)" }.joined(separator: " ")
    }

    @Test func layoutAndCaseDoNotMatter() {
        let plain = TextSketch(
            "The quick brown fox -- it's naïve -- jumps over the lazy dog, again and again and again.")
        let other = TextSketch(
            "THE QUICK\n\nbrown \"fox\" it s naïve\tJUMPS over the lazy dog again and again and again")
        #expect(plain == other && plain.hashes.count > 1)
        #expect(
            plain
                != TextSketch(
                    "The quick brown fox -- it's naive -- jumps over the lazy dog, again and again and again."))
    }

    @Test func shareOfTheWholeAndOfNothing() {
        let sketch = TextSketch(text(0..<3000))
        #expect(sketch.share(of: sketch).share == 1)
        #expect(sketch.share(of: TextSketch(text(50_000..<53_000))).share == 0)
        #expect(sketch.share(of: TextSketch("")).share == 0 && TextSketch("").hashes.isEmpty)
        // A few words are one passage.
        #expect(TextSketch("two words").hashes.count == 1)
    }

    /// A sample of 4,096 from a hundred times as many passages still finds a tenth.
    @Test func aPartOfALongTextIsFound() {
        let calibration = TextSketch(text(0..<200_000))
        #expect(calibration.hashes.count == TextSketch.capacity && calibration.limit < .max)
        #expect(calibration.hashes == calibration.hashes.sorted())
        let probe = TextSketch(text(195_000..<245_000), capacity: TextSketch.probeCapacity)
        let inside = calibration.share(of: probe)
        #expect(abs(inside.share - 0.1) < 0.03, "\(inside)")
        // And a short calibration text inside a long one.
        let short = TextSketch(text(230_000..<231_000))
        #expect(probe.share(of: short).share > 0.95)
    }

    @Test func languagesWithoutSpacesHavePassages() {
        let poem = "床前明月光疑是地上霜举头望明月低头思故乡白日依山尽黄河入海流欲穷千里目更上一层楼春眠不觉晓处处闻啼鸟"
        #expect(TextSketch(poem).hashes.count > 20)
        #expect(TextSketch(poem).share(of: TextSketch("更多" + poem)).share > 0.8)
    }
}
