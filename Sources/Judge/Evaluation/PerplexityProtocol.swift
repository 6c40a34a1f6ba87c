public import Model
public import Storage
public import Text

/// How a text is cut for perplexity: the whole text tokenised at once, windows of `window` tokens every `stride`.
///
/// Every window starts with an empty cache. Its first token is not predicted; with a stride smaller than the window only
/// tokens that no earlier window predicted count. Tokens with which the tokenizer begins every text stand before the whole
/// and in place of a window's first ones, as in llama.cpp's perplexity.
public struct PerplexityProtocol: Equatable, Sendable {
    public var window: Int
    public var stride: Int
    /// nil: all whole windows of the text.
    public var windowLimit: Int?

    public init(window: Int = 512, stride: Int? = nil, windowLimit: Int? = nil) {
        self.window = window
        self.stride = stride ?? window
        self.windowLimit = windowLimit
    }

    public struct Window: Sendable {
        public let tokens: [Int]
        /// Index in `tokens` of the first one that is predicted.
        public let firstPredicted: Int
        /// Tokens in front that are a prompt: a schedule reads them at its prefill precision, and counts its decode steps
        /// from the token after them.
        public let promptCount: Int

        public init(tokens: [Int], firstPredicted: Int, promptCount: Int = 0) {
            precondition(firstPredicted >= 1 && firstPredicted < tokens.count, "nothing is predicted")
            self.tokens = tokens
            self.firstPredicted = firstPredicted
            self.promptCount = promptCount
        }

        /// Precision at which a schedule reads the token at `position`.
        public func bits(_ schedule: PrecisionSchedule, at position: Int) -> Precision {
            position < promptCount ? schedule.prefillBits : schedule.bits(atStep: position - promptCount)
        }
    }

    /// - Throws: `usage` for impossible sizes, `badData` when the text is shorter than one window.
    public func windows(of text: String, tokenizer: Tokenizer, place: String) throws(TaperError) -> [Window] {
        guard window >= 2, stride >= 1, stride <= window, windowLimit ?? 1 >= 1 else {
            throw TaperError(.usage, "the window must be at least 2 tokens and the stride 1 to the window", at: place)
        }
        let beginning = tokenizer.startTokens
        guard window > beginning.count else {
            throw TaperError(
                .usage, "the window has no room for text", at: place,
                expected: "more than the \(beginning.count) tokens with which the tokenizer begins every text",
                found: "\(window)", remedy: "Use a larger \(field("window"))")
        }
        let tokens = beginning + (try tokenizer.encode(text, addSpecial: false, parseSpecial: false))
        var result: [Window] = []
        var start = 0
        while start + window <= tokens.count, result.count < windowLimit ?? Int.max {
            result.append(
                Window(
                    tokens: beginning + tokens[start + beginning.count..<start + window],
                    firstPredicted: max(1, beginning.count, start == 0 ? 0 : window - stride)))
            start += stride
        }
        guard !result.isEmpty else {
            throw TaperError(
                .badData, "the text is shorter than one window", at: place, expected: "at least \(window) tokens",
                found: "\(tokens.count)", remedy: "Use a longer text or a smaller \(field("window"))")
        }
        return result
    }

    /// What a tokenizer has made of a text.
    public struct Extent: Sendable {
        public let windowCount: Int
        public let predictedCount: Int
        /// Every window begins with the tokenizer's start tokens.
        public let addsSpecial: Bool

        public init(_ windows: [Window], _ tokenizer: Tokenizer) {
            self.init(windows, addsSpecial: !tokenizer.startTokens.isEmpty)
        }

        package init(_ windows: [Window], addsSpecial: Bool) {
            windowCount = windows.count
            predictedCount = windows.reduce(0) { $0 + $1.tokens.count - $1.firstPredicted }
            self.addsSpecial = addsSpecial
        }
    }

    public func text(_ extent: Extent) -> String {
        "whole text as one, \(extent.windowCount) windows of \(window) tokens, stride \(stride), "
            + "\(extent.predictedCount) predicted tokens"
            + (extent.addsSpecial ? "; every window begins as the tokenizer begins every text" : "")
    }

    public func json(_ extent: Extent) -> JSONValue {
        .object([
            .init("window", .integer(window)), .init("stride", .integer(stride)),
            .init("windows", .integer(extent.windowCount)),
            .init("predicted_tokens", .integer(extent.predictedCount)),
            .init("add_special_tokens", .bool(extent.addsSpecial)),
        ])
    }
}
