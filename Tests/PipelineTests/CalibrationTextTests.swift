import Evaluation
import Foundation
import Pipeline
import Storage
import Testing

/// How a calibration text is cut into sequences.
@Suite struct CalibrationTextTests {
    private let tokens = Array(0..<100)

    private func text() throws -> CalibrationText {
        CalibrationText(try SourceText(path: ConverterTests.root + "/samples/tiny/calibration.txt"))
    }

    @Test func sequencesAreSpreadOverTheText() throws {
        let sequences = try text().sequences(of: tokens, start: [], count: 3, length: 10)
        #expect(sequences == [Array(0..<10), Array(45..<55), Array(90..<100)])
        #expect(try text().sequences(of: tokens, start: [], count: 20, length: 40) == [Array(0..<40), Array(40..<80)])
        #expect(try text().sequences(of: tokens, start: [], count: 4, length: 100) == [tokens])
    }

    /// A model that never saw text without its first token is not calibrated on such text either.
    @Test func everySequenceBeginsAsTheTokenizerBeginsTexts() throws {
        for (count, length) in [(1, 10), (3, 10), (20, 10), (5, 100), (2, 500)] {
            let sequences = try text().sequences(of: tokens, start: [777], count: count, length: length)
            #expect(!sequences.isEmpty)
            for sequence in sequences {
                #expect(sequence.first == 777 && !sequence.dropFirst().contains(777))
                #expect(sequence.count <= length && sequence.count > 1)
            }
        }
    }

    @Test func aLengthWithoutRoomForTextIsRefused() throws {
        #expect(throws: TaperError.self) {
            try text().sequences(of: tokens, start: [777], count: 1, length: 1)
        }
    }
}
