public import Storage

/// Which language of a translation task is the source and which the target.
public struct TranslationDirection: Sendable, Equatable {
    /// Codes of ISO 639-1, as in the lines of the file.
    public let source: String
    public let target: String

    /// Languages of the IWSLT and WMT tasks, for the prompt.
    static let names: [String: String] = [
        "ar": "Arabic", "cs": "Czech", "de": "German", "en": "English", "es": "Spanish", "et": "Estonian",
        "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "it": "Italian",
        "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "pl": "Polish",
        "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sl": "Slovenian", "th": "Thai", "tr": "Turkish",
        "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
    ]

    /// Reads "fr-en": from French to English.
    public init(parsing text: String, place: String) throws(TaperError) {
        let codes = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard codes.count == 2, codes[0] != codes[1], codes.allSatisfy({ Self.names[$0] != nil }) else {
            throw TaperError(
                .usage, "not a direction of translation", at: place,
                expected: "source-target, such as fr-en, of \(Self.names.keys.sorted().joined(separator: ", "))",
                found: printable(text))
        }
        (source, target) = (codes[0], codes[1])
    }

    /// What a chat model is asked to do with a sentence.
    func prompt(_ sentence: String) -> String {
        let (from, to) = (Self.names[source] ?? source, Self.names[target] ?? target)
        return "Translate the following text from \(from) to \(to). Answer with the translation only.\n\n" + sentence
    }
}
