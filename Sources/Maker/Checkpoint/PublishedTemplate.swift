internal import Jinja
internal import Storage
internal import Text

/// A checkpoint's own chat template, ready to run.
struct PublishedTemplate {
    /// What becomes of a conversation.
    enum Outcome: Equatable {
        case text(String)
        /// The template refuses it, or fails on it.
        case refused(String)
    }

    /// Templates that write today's date write this one in a bundle, which must not depend on the day. It is the date that
    /// Llama 3's own templates fall back to.
    static let date = Moment(year: 2024, month: 7, day: 26)
    static let dateText = "26 July 2024"
    private static let otherDate = Moment(year: 2031, month: 11, day: 3, hour: 17, minute: 48, second: 21)

    private let template: Template
    private let variables: [(name: String, value: Value)]
    var literals: [String] { template.literals }
    let source: String

    init(_ sources: ChatTemplateSources, source: String, place: String) throws(TaperError) {
        template = try Template(source, place: place)
        self.source = source
        variables = sources.tokens.map { ($0.name, Value($0.source)) }
    }

    func outcome(_ messages: [ChatMessage], generation: Bool) throws(TaperError) -> Outcome {
        try outcome(messages, generation: generation, date: PublishedTemplate.date)
    }

    /// - Throws: `unsupported` when the template leaves the part of Jinja that Taper reads.
    private func outcome(_ messages: [ChatMessage], generation: Bool, date: Moment) throws(TaperError) -> Outcome {
        var list: [Value] = []
        for message in messages {
            var mapping = Mapping()
            mapping[Value("role")] = Value(message.role)
            mapping[Value("content")] = Value(message.content)
            list.append(.dictionary(mapping))
        }
        let given: [(name: String, value: Value)] = [
            ("messages", .list(list)), ("tools", .none), ("documents", .none),
            ("add_generation_prompt", .boolean(generation)),
        ]
        do throws(TaperError) {
            return .text(try template.render(given + variables, now: date))
        } catch {
            guard error.code != .unsupported else { throw error }
            return .refused(error.message)
        }
    }

    /// Does the text depend on the day?
    func writesDate(_ messages: [ChatMessage]) throws(TaperError) -> Bool {
        try outcome(messages, generation: true, date: PublishedTemplate.date)
            != outcome(messages, generation: true, date: PublishedTemplate.otherDate)
    }
}
