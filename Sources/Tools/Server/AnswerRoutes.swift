internal import Foundation
internal import Hummingbird
internal import Storage
internal import TaperRuntime

/// `/v1/chat/completions` and `/v1/completions`.
struct AnswerRoutes: Sendable {
    let state: ServerState

    func chat(_ request: Request, _ context: ServerContext) async throws -> Response {
        var fields = try await request.fields(context, limit: state.options.bodyByteCount)
        let model = try state.model(try fields.string("model"))
        let chat = try ChatRequest(fields, facts: model.model.facts, precision: model.precision)
        return try await respond(.chat, [.messages(chat.messages)], chat.parameters, model, context)
    }

    func completion(_ request: Request, _ context: ServerContext) async throws -> Response {
        var fields = try await request.fields(context, limit: state.options.bodyByteCount)
        let model = try state.model(try fields.string("model"))
        let asked = try CompletionRequest(fields, facts: model.model.facts, precision: model.precision)
        return try await respond(.completion, asked.prompts, asked.parameters, model, context)
    }

    private func respond(
        _ kind: AnswerForm.Kind, _ prompts: [Prompt], _ parameters: AnswerParameters, _ model: ServedModel,
        _ context: ServerContext
    ) async throws -> Response {
        var requests: [(prompt: Prompt, options: AnswerOptions)] = []
        for prompt in prompts {
            for index in 0..<parameters.choiceCount {
                var options = parameters.options
                options.sampling.seed &+= UInt64(index)
                requests.append((prompt, options))
            }
        }
        let run = try AnswerRun(
            requests, of: model, on: try await context.connection(), seconds: state.options.requestSeconds,
            eventLoop: context.channel.eventLoop)
        let form = AnswerForm(
            kind, model, parameters, created: Int(Date().timeIntervalSince1970))
        let work = AnswerWork(
            run: run, form: form, choiceCount: requests.count, choicesPerPrompt: parameters.choiceCount)
        return parameters.isStreamed ? try await work.stream() : try await work.whole()
    }
}

/// A run on its way to the client.
private struct AnswerWork: Sendable {
    let run: AnswerRun
    let form: AnswerForm
    let choiceCount: Int
    let choicesPerPrompt: Int

    func whole() async throws -> Response {
        var choices = [ChoiceRecord](repeating: ChoiceRecord(), count: choiceCount)
        do {
            for try await event in run.events {
                switch event {
                case .piece(let index, let piece): choices[index].add(piece)
                case .finished(let index, let answer): choices[index].answer = answer
                }
            }
        } catch let error as TaperRuntime.TaperError {
            throw try run.failure() ?? APIError(error)
        }
        if let failure = try run.failure() { throw failure }
        let usage = Usage(answers: choices.compactMap(\.answer), choicesPerPrompt: choicesPerPrompt)
        return Response(json: form.whole(choices, usage: usage))
    }

    /// What is wrong with a request shows before its first token, and still has a status of its own.
    func stream() async throws -> Response {
        var iterator = run.events.makeAsyncIterator()
        let first: AnswerRun.Event?
        do { first = try await iterator.next() } catch let error as TaperRuntime.TaperError {
            throw try run.failure() ?? APIError(error)
        }
        if let failure = try run.failure() { throw failure }
        return EventStream.response { events in
            for index in 0..<choiceCount {
                if let opening = form.opening(index) { try await events.send(opening, isFollowed: first != nil) }
            }
            var choices = [(length: Int, answer: Answer?)](repeating: (0, nil), count: choiceCount)
            if let first { try await send(first, to: &events, &choices) }
            do {
                for try await event in run.events { try await send(event, to: &events, &choices) }
            } catch let error as TaperRuntime.TaperError {
                throw try run.failure() ?? APIError(error)
            }
            if let failure = try run.failure() { throw failure }
            if form.includesUsage {
                let usage = Usage(answers: choices.compactMap(\.answer), choicesPerPrompt: choicesPerPrompt)
                try await events.send(form.usage(usage))
            }
        }
    }

    private func send(
        _ event: AnswerRun.Event, to events: inout EventStream, _ choices: inout [(length: Int, answer: Answer?)]
    ) async throws {
        switch event {
        case .piece(let index, let piece):
            try await events.send(
                form.chunk(index, piece, offset: choices[index].length), isFollowed: piece.isFollowed)
            choices[index].length += piece.text.unicodeScalars.count
        case .finished(let index, let answer):
            choices[index].answer = answer
            // Of an answer that was broken off, an error tells why it ends.
            guard answer.end != .cancelled else { return }
            try await events.send(
                form.closing(index, answer), isFollowed: choices.allSatisfy { $0.answer != nil })
        }
    }
}
