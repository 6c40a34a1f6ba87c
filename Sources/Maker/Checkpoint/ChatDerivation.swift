internal import Storage
public import Text

/// A checkpoint's chat template as the data that the runner understands, with what the user should know about it.
///
/// The template is run on marked conversations, the joints between contents are read off, and the form made of them is
/// kept only where it equals the template, text and tokens, on conversations it was not derived from.
public struct ChatDerivation: Sendable {
    /// nil when no such form equals the template.
    public private(set) var template: ChatTemplate?
    /// Whole sentences.
    public private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - addsBos: programs that read this kind of checkpoint put the tokenizer's start token in front of a prompt that
    ///     does not begin with it. llama.cpp does so for GGUF; the transformers library does not.
    public init(_ sources: ChatTemplateSources, tokenizer: Tokenizer, addsBos: Bool, place: String) {
        guard let source = sources.standard else { return }
        do throws(TaperError) {
            let published = try PublishedTemplate(sources, source: source, place: place)
            var solver = try ChatSolver(published, tokenizer: tokenizer, addsBos: addsBos)
            let form = try solver.solve(endToken: sources[token: "eos_token"])
            warnings = solver.notes
            template = form
        } catch {
            let why = error.code == .verificationFailed ? place + ": " + error.message : error.message
            warnings.append("the bundle gets no chat format, so it completes prompts as they stand: " + why)
        }
    }

    /// The first difference between a form chosen by its name and the checkpoint's own template; nil when there is none.
    public static func difference(
        of form: ChatTemplate, from sources: ChatTemplateSources, tokenizer: Tokenizer, addsBos: Bool, place: String
    ) -> String? {
        guard let source = sources.standard else { return nil }
        do throws(TaperError) {
            let published = try PublishedTemplate(sources, source: source, place: place)
            let comparison = ChatComparison(published, tokenizer: tokenizer, addsBos: addsBos)
            for conversation in HeldConversations.all
            where conversation.feature == .plain || conversation.feature == .system {
                if let difference = try comparison.difference(form, conversation) { return difference }
            }
            return nil
        } catch { return "it cannot be compared: " + error.message }
    }
}
