internal import Storage
internal import Text

/// Derives a declarative form: joints from marked conversations, then what held conversations leave of it.
struct ChatSolver {
    private typealias Place = ChatTemplate.Place

    let published: PublishedTemplate
    let comparison: ChatComparison
    let tokenizer: Tokenizer
    let addsBos: Bool
    private let probe: ChatProbe
    /// What the user should know, whole sentences.
    private(set) var notes: [String] = []
    private var form: ChatTemplate
    /// Further held conversations of a template that drops reasoning.
    private var reasoned: [HeldConversations.Conversation] = []

    init(_ published: PublishedTemplate, tokenizer: Tokenizer, addsBos: Bool) throws(TaperError) {
        self.published = published
        self.tokenizer = tokenizer
        self.addsBos = addsBos
        comparison = ChatComparison(published, tokenizer: tokenizer, addsBos: addsBos)
        probe = ChatProbe(published)
        form = ChatTemplate(name: "own", joints: [], stops: [])
        form.addsBos = addsBos
    }

    private func failure(_ what: String) -> TaperError { TaperError(.verificationFailed, what) }

    /// - Throws: `verificationFailed` when no form equals the template on plain conversations, or what running it throws.
    mutating func solve(endToken: String?) throws(TaperError) -> ChatTemplate {
        try learnPlain()
        try learnSystem()
        for (roles, generation) in ChatSolver.further { try learn(roles, generation) }
        try learnReasoning()
        try hold()
        try refuseSpecialTexts()
        form.stops = stops(endToken)
        if try published.writesDate([ChatMessage(role: "user", content: "x")]) {
            notes.append(
                "the chat template writes today's date; in the bundle it is always " + PublishedTemplate.dateText)
        }
        if form.systemPlace == .dropped {
            notes.append("the chat template drops system messages, and so does the bundle")
        } else if form.joint(.start, .system) == nil && form.systemPlace == .first {
            notes.append("the chat template takes no system message, and the bundle refuses one")
        }
        return family() ?? form
    }

    // MARK: Learning

    /// Conversations beyond those that every form needs; a template may refuse them.
    private static let further: [([Place], Bool)] = [
        ([.user], false), ([.user, .assistant], false), ([.system, .user, .assistant], false),
        ([.system, .user], false), ([.user, .assistant], true), ([.user, .user], true),
        ([.user, .assistant, .assistant, .user], true), ([.assistant, .user], true),
        ([.system, .assistant, .user], true),
        ([.system], true), ([.system], false),
    ]

    private mutating func learnPlain() throws(TaperError) {
        let plain: [[Place]] = [[.user], [.user, .assistant, .user], [.user, .assistant, .user, .assistant, .user]]
        for roles in plain {
            switch try probe.find(roles, generation: true) {
            case .refused(let why): throw failure("the template refuses a plain conversation: " + why)
            case .other(let why): throw failure("the template is of a kind that bundles do not hold: " + why)
            case .joints(let joints, _):
                guard add(joints) else {
                    throw failure(
                        "the template is of a kind that bundles do not hold: what it writes between two messages "
                            + "depends on more than their roles")
                }
            }
        }
    }

    private mutating func learnSystem() throws(TaperError) {
        let longer: [Place] = [.system, .user, .assistant, .user]
        guard case .joints(let joints, let place) = try probe.find(longer, generation: true),
            case .joints(let first, _) = try probe.find([.system, .user], generation: true)
        else { return }
        let before = form
        form.systemPlace = place
        if !add(joints) || !add(first) { form = before }
    }

    private mutating func learn(_ roles: [Place], _ generation: Bool) throws(TaperError) {
        guard case .joints(let joints, let place) = try probe.find(roles, generation: generation),
            !roles.contains(.system) || place == form.systemPlace || form.systemPlace == .lastUser && place == .first
        else { return }
        _ = add(joints)
    }

    /// All or none: joints that contradict known ones leave the conversation out of the form.
    private mutating func add(_ joints: [ChatTemplate.Joint]) -> Bool {
        var all = form.joints
        for joint in joints {
            if let known = all.first(where: { $0.from == joint.from && $0.to == joint.to }) {
                guard known == joint else { return false }
            } else {
                all.append(joint)
            }
        }
        form.joints = all
        return true
    }

    /// Ends of reasoning that templates drop from earlier answers.
    private static let reasoningEnds = ["</think>", "[/THINK]", "</seed:think>", "<|END_THINKING|>", "</thinking>"]

    private mutating func learnReasoning() throws(TaperError) {
        for end in ChatSolver.reasoningEnds where published.source.contains(end) {
            let answers = [
                "why" + end + "\n \n so ", "why\n" + end + "\n\nso", end + "so", "a" + end + "b" + end + " \n so",
                "<think>\nwhy\n" + end + "\n\nso",
            ]
            let conversations = answers.flatMap { HeldConversations.reasoned($0) }
            for trims in [ChatTemplate.Trim.newlines, .space, .none] {
                var candidate = form
                candidate.reasoning = ChatTemplate.Reasoning(end: end, trims: trims)
                var isEqual = true
                for conversation in conversations where conversation.feature == .plain {
                    guard try comparison.difference(candidate, conversation) != nil else { continue }
                    isEqual = false
                    break
                }
                if isEqual {
                    form = candidate
                    reasoned = conversations
                    return
                }
            }
        }
    }

    // MARK: Holding

    /// Takes out of the form what differs from the template on held conversations.
    private mutating func hold() throws(TaperError) {
        for feature in HeldConversations.Feature.allCases {
            var passed = false
            while !passed {
                passed = true
                for conversation in HeldConversations.all + reasoned where conversation.feature == feature {
                    guard let difference = try comparison.difference(form, conversation) else { continue }
                    guard cut(feature) else {
                        throw failure("no form of a bundle equals the chat template; " + difference)
                    }
                    passed = false
                    break
                }
            }
        }
    }

    /// False when nothing is left to take out.
    private mutating func cut(_ feature: HeldConversations.Feature) -> Bool {
        let before = form
        switch feature {
        case .plain: return false
        case .system:
            form.joints.removeAll { $0.from == .system || $0.to == .system }
            form.systemPlace = .first
        case .ended: form.joints.removeAll { $0.to == .end }
        case .repeated: form.joints.removeAll { $0.from == $0.to }
        case .assistantFirst:
            form.joints.removeAll {
                $0.to == .assistant && $0.from != .user && $0.from != .assistant
                    || $0.from == .system && ($0.to == .generation || $0.to == .end)
            }
        case .answerAfterAssistant: form.joints.removeAll { $0.from == .assistant && $0.to == .generation }
        case .empty: form.allowsEmpty = false
        }
        return form != before
    }

    /// Templates may look for texts in messages. Each text that occurs in the template is put into messages; where the
    /// template then does something else, the form refuses such messages.
    private mutating func refuseSpecialTexts() throws(TaperError) {
        var noted: [String] = []
        for literal in published.literals.prefix(400) {
            guard literal.utf8.count <= 200, literal.unicodeScalars.contains(where: { !$0.properties.isWhitespace })
            else { continue }
            let variants = [literal, "Zx " + literal, literal + " Zx", "Zx" + literal + "Zy"]
            for role in [Place.user, .assistant, .system] {
                var conversations: [[(Place, String)]]
                switch role {
                case .user: conversations = [variants.flatMap { [(Place.user, $0), (.assistant, "x")] }.dropLast()]
                case .assistant:
                    conversations = [[(.user, "x")] + variants.flatMap { [(Place.assistant, $0), (.user, "x")] }]
                default: conversations = variants.map { [(.system, $0), (.user, "x")] }
                }
                var isSpecial = false
                for turns in conversations where !isSpecial {
                    let messages = turns.map { ChatMessage(role: $0.0.rawValue, content: $0.1) }
                    let conversation = HeldConversations.Conversation(
                        feature: .plain, messages: messages, generation: true, spellsTokens: true)
                    isSpecial = try comparison.difference(form, conversation) != nil
                }
                guard isSpecial else { continue }
                guard form.special.count < ChatTemplate.listLimit else {
                    throw failure("the template looks for too many texts in messages")
                }
                form.special.append(ChatTemplate.Special(role: role, text: literal))
                noted.append("\"" + printable(literal) + "\" (" + role.rawValue + ")")
            }
        }
        if !noted.isEmpty {
            notes.append(
                "the chat template treats messages that hold certain texts in its own way; the bundle refuses those: "
                    + noted.joined(separator: ", "))
        }
    }

    // MARK: Ends of turns and names

    /// What ends an answer: the first special token after an answer, and the end token; without any, the text that starts
    /// the next turn.
    private func stops(_ endToken: String?) -> [String] {
        let tail = form.joint(.assistant, .user)?.text ?? ""
        var stops: [String] = []
        // Markup that the vocabulary cannot spell holds no token.
        let ids = (try? tokenizer.encode(tail, addSpecial: false, parseSpecial: true)) ?? []
        if let first = ids.first(where: { tokenizer.isSpecial($0) }) { stops.append(tokenizer.piece(of: first)) }
        if let endToken, !endToken.isEmpty, !stops.contains(endToken),
            tail.contains(endToken) || tokenizer.id(ofToken: endToken) != nil
        {
            stops.append(endToken)
        }
        if stops.contains(where: { tail.contains($0) }) { return stops }
        func trimmed(_ text: String) -> String {
            var text = text
            while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
            return text
        }
        // What an answer ends with whether or not something follows it.
        let end = trimmed(form.joint(.assistant, .end)?.text ?? "")
        if end.utf8.count >= 3 && tail.hasPrefix(end) { return stops + [end] }
        let next = trimmed(tail)
        return next.utf8.count >= 3 ? stops + [next] : stops
    }

    /// The common format that is equal to this one, under which bundles have always stored it.
    private func family() -> ChatTemplate? {
        func table(_ template: ChatTemplate) -> [ChatTemplate.Joint] {
            template.joints.filter { !($0.from == .start && ($0.to == .generation || $0.to == .end)) }
                .sorted { ($0.from.rawValue, $0.to.rawValue) < ($1.from.rawValue, $1.to.rawValue) }
        }
        guard form.systemPlace == .first, form.allowsEmpty, form.reasoning == nil, form.special.isEmpty else {
            return nil
        }
        // These forms put the tokenizer's start token in front where it is missing.
        let text = form.joint(.start, .user)?.text ?? ""
        if tokenizer.addsBos && !addsBos {
            let ids = try? tokenizer.encode(text, addSpecial: false, parseSpecial: true)
            guard let ids, ids.first == tokenizer.bosToken else {
                return nil
            }
        }
        let own = table(form)
        for name in ChatTemplate.names {
            guard let bare = ChatTemplate.named(name) else { continue }
            var candidates = [bare]
            if let system = bare.defaultSystem(in: text) {
                candidates += [ChatTemplate.named(name, defaultSystem: system)].compactMap { $0 }
            }
            for candidate in candidates
            where table(candidate) == own && form.stops.allSatisfy({ candidate.stops.contains($0) }) {
                return candidate
            }
        }
        return nil
    }
}

extension ChatTemplate {
    /// The system text that a conversation without one begins with, if `text` is this format's beginning with one in it.
    fileprivate func defaultSystem(in text: String) -> String? {
        guard let opening = joint(.start, .system)?.text, let closing = joint(.system, .user)?.text,
            text.utf8.count > opening.utf8.count + closing.utf8.count, text.hasPrefix(opening), text.hasSuffix(closing)
        else { return nil }
        return String(decoding: text.utf8.dropFirst(opening.utf8.count).dropLast(closing.utf8.count), as: UTF8.self)
    }
}
