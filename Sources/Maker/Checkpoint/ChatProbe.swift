internal import Storage
internal import Text

/// Finds what a template writes between contents by giving it contents that can be found again.
struct ChatProbe {
    typealias Place = ChatTemplate.Place
    typealias Joint = ChatTemplate.Joint

    /// What a template did with one conversation of marked contents.
    enum Finding {
        case joints([Joint], SystemPlace)
        case refused(String)
        /// Why the text is no sequence of joints and contents.
        case other(String)
    }
    typealias SystemPlace = ChatTemplate.SystemPlace

    let template: PublishedTemplate
    /// No text of the template contains it.
    private let mark: String

    init(_ template: PublishedTemplate) {
        self.template = template
        var mark = "Zq"
        while template.source.contains(mark) { mark += "q" }
        self.mark = mark
    }

    /// Padding around contents. The sides differ, so that what is left of them tells which side was trimmed; one pair is
    /// trimmed by whatever drops white space, the other by what drops line feeds alone, too.
    private struct Padding {
        let left: [UInt8]
        let right: [UInt8]
        static let space = Padding(left: Array(" \n\t".utf8), right: Array("\t\n ".utf8))
        static let newlines = Padding(left: Array("\n\n".utf8), right: Array("\n\n\n".utf8))
    }

    func find(_ roles: [Place], generation: Bool) throws(TaperError) -> Finding {
        let contents = roles.indices.map { Array((mark + String($0) + "vx").utf8) }
        func gaps(_ padding: Padding?, _ order: [Int]) throws(TaperError) -> [[UInt8]]? {
            guard case .text(let text) = try outcome(roles, contents, padding, generation) else { return nil }
            return ChatProbe.gaps(Array(text.utf8), contents, order)
        }
        let bare: [UInt8]
        switch try outcome(roles, contents, nil, generation) {
        case .refused(let why): return .refused(why)
        case .text(let text): bare = Array(text.utf8)
        }
        // Every content that occurs, in the order of the text.
        let order = contents.indices.compactMap { index in
            ChatProbe.place(of: contents[index], in: bare, from: 0).map { (place: $0, index: index) }
        }.sorted { $0.place < $1.place }.map(\.index)
        guard let plain = ChatProbe.gaps(bare, contents, order) else {
            return .other("it writes a message more than once")
        }
        guard let spaced = try gaps(.space, order), let lined = try gaps(.newlines, order) else {
            return .other("it does something else with messages that have white space around them")
        }
        guard let system = arrangement(roles, order) else {
            return .other("it leaves out messages or changes their order")
        }
        let stops = [Place.start] + order.map { roles[$0] } + [generation ? .generation : .end]
        var joints: [Joint] = []
        for index in plain.indices {
            var joint = Joint(stops[index], stops[index + 1], String(decoding: plain[index], as: UTF8.self))
            let (hasBefore, hasAfter) = (index > 0, index < plain.count - 1)
            guard let spaces = trims(plain[index], spaced[index], .space, hasBefore, hasAfter),
                let lines = trims(plain[index], lined[index], .newlines, hasBefore, hasAfter)
            else { return .other("it changes white space inside messages, or around their markup") }
            joint.trimsBefore = spaces.before ? .space : lines.before ? .newlines : .none
            joint.trimsAfter = spaces.after ? .space : lines.after ? .newlines : .none
            joints.append(joint)
        }
        return .joints(joints, system)
    }

    private func outcome(
        _ roles: [Place], _ contents: [[UInt8]], _ padding: Padding?, _ generation: Bool
    ) throws(TaperError) -> PublishedTemplate.Outcome {
        let messages = zip(roles, contents).map { role, content in
            ChatMessage(
                role: role.rawValue,
                content: String(decoding: (padding?.left ?? []) + content + (padding?.right ?? []), as: UTF8.self))
        }
        return try template.outcome(messages, generation: generation)
    }

    /// The texts between contents in this order; nil when one is missing or occurs twice.
    private static func gaps(_ text: [UInt8], _ contents: [[UInt8]], _ order: [Int]) -> [[UInt8]]? {
        var gaps: [[UInt8]] = []
        var at = 0
        for index in order {
            guard let start = place(of: contents[index], in: text, from: at),
                place(of: contents[index], in: text, from: start + contents[index].count) == nil
            else { return nil }
            gaps.append(Array(text[at..<start]))
            at = start + contents[index].count
        }
        return gaps + [Array(text[at...])]
    }

    /// Which sides lost their padding; nil when something else changed.
    private func trims(
        _ plain: [UInt8], _ padded: [UInt8], _ padding: Padding, _ hasBefore: Bool, _ hasAfter: Bool
    ) -> (before: Bool, after: Bool)? {
        for (before, after) in [(false, false), (true, false), (false, true), (true, true)] {
            if before && !hasBefore || after && !hasAfter { continue }
            let left = hasBefore && !before ? padding.right : []
            let right = hasAfter && !after ? padding.left : []
            if left + plain + right == padded { return (before, after) }
        }
        return nil
    }

    /// Where the system message went, when the others kept their order.
    private func arrangement(_ roles: [Place], _ order: [Int]) -> SystemPlace? {
        let all = Array(roles.indices)
        if order == all { return .first }
        guard roles.first == .system else { return nil }
        if order == Array(all.dropFirst()) { return .dropped }
        guard roles.last == .user, roles.count > 2 else { return nil }
        let late: [Int] = Array(all[1..<(all.count - 1)]) + [0, all.count - 1]
        return order == late ? .lastUser : nil
    }

    private static func place(of part: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        guard from + part.count <= bytes.count else { return nil }
        for at in from...bytes.count - part.count where bytes[at] == part[0] {
            if bytes[at..<at + part.count].elementsEqual(part) { return at }
        }
        return nil
    }
}
