// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer

/// Takes one JSON object for one of the shapes of training data; each row decides for itself.
///
/// `text`; `prompt` and `completion`, both strings or both lists of messages; `messages` or `conversations`, of `role` and
/// `content` or of `from` and `value`; a question and its answer under the names of alpaca, dolly and others. Other keys
/// are let through and listed, so that nothing is skipped silently.
struct JSONLRow {
    let row: DataRow
    /// Keys that no shape uses, as they are spelled in the line; those of messages as `messages[].name`.
    let unusedKeys: [String]

    private static let keys = ["text", "prompt", "completion", "messages", "conversations"]
    /// Most keys of one object that are compared with the known ones: a hostile line may have any number.
    private static let keysCompared = 64
    /// Keys of data made for other trainers, and what they are called here.
    private static let otherNames = [
        "instruction": "prompt", "input": "prompt", "question": "prompt", "query": "prompt", "output": "completion",
        "response": "completion", "answer": "completion", "content": "text", "body": "text", "chat": "messages",
        "conversation": "conversations", "dialogue": "messages", "dialog": "messages",
    ]
    /// Names under which data made for other trainers asks, what belongs to it, and the answer.
    private static let questions = ["instruction", "question", "query"]
    private static let additions = ["input", "context"]
    private static let answers = ["output", "response", "answer"]

    init(_ line: JSONLValue) throws(JSONLFailure) {
        guard case .object(let members) = line.kind else {
            throw JSONLFailure(
                .notAnObject, at: line.offset, "a row must be one object in braces, and this is \(line.name)")
        }
        let fields = Dictionary(members.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var unused: [String] = []
        let used: [String]
        switch (fields["prompt"], fields["completion"], fields["messages"], fields["conversations"], fields["text"]) {
        case (let prompt?, let completion?, nil, nil, nil):
            row = try Self.completion(prompt, completion, unused: &unused)
            used = ["prompt", "completion"]
        case (let prompt, let completion, let messages?, nil, nil) where prompt == nil || completion == nil:
            row = try Self.chat(messages, .chat, fields["system"], unused: &unused)
            used = ["messages", "system"]
        case (let prompt, let completion, nil, let conversations?, nil) where prompt == nil || completion == nil:
            row = try Self.chat(conversations, .shareGPT, fields["system"], unused: &unused)
            used = ["conversations", "system"]
        case (let prompt, let completion, nil, nil, let text?) where prompt == nil || completion == nil:
            let content = try Self.string(text)
            guard !content.isEmpty else { throw Self.empty(text) }
            row = .text(content)
            used = ["text"]
        case (nil, nil, nil, nil, nil):
            guard let answered = try Self.answered(fields) else {
                throw Self.incomplete(line, members, prompt: nil, completion: nil)
            }
            (row, used) = answered
        case (let prompt, let completion, nil, nil, nil):
            throw Self.incomplete(line, members, prompt: prompt, completion: completion)
        default: throw Self.severalShapes(members)
        }
        unusedKeys = members.filter { !used.contains($0.key) }.map(\.key) + unused
    }

    /// A conversation, with the system text that stands beside it in front.
    private static func chat(
        _ list: JSONLValue.Member, _ spelling: JSONLMessages, _ system: JSONLValue.Member?, unused: inout [String]
    ) throws(JSONLFailure) -> DataRow {
        let messages = try spelling.spelling(of: list.value).list(
            list.value, of: list.key, needsAssistant: true, unused: &unused)
        return .chat(try Self.system(system, before: messages) + messages)
    }

    private static func system(
        _ member: JSONLValue.Member?, before messages: [ChatMessage]
    ) throws(JSONLFailure) -> [ChatMessage] {
        guard let member, !member.value.isNothing else { return [] }
        let text = try string(member)
        guard let first = messages.first, first.role == .system, first.content != text else {
            return messages.first?.role == .system ? [] : [ChatMessage(role: .system, content: text)]
        }
        throw JSONLFailure(
            .severalShapes, at: member.keyOffset,
            "\"system\" and the first message say two things as the system; keep one of them")
    }

    /// A question and its answer as a conversation, and the keys that it took; nil where the object has none.
    private static func answered(
        _ fields: [String: JSONLValue.Member]
    ) throws(JSONLFailure) -> (row: DataRow, used: [String])? {
        func first(_ names: [String]) -> JSONLValue.Member? { names.lazy.compactMap { fields[$0] }.first }
        let addition = first(additions)
        guard let question = first(questions) ?? addition, let answer = first(answers) else { return nil }
        var asked = try string(question)
        var used = [question.key, answer.key, "system"]
        if let addition, addition.key != question.key {
            let more = addition.value.isNothing ? "" : try string(addition)
            asked += (asked.isEmpty || more.isEmpty ? "" : "\n") + more
            used.append(addition.key)
        }
        let said = try string(answer)
        guard !said.isEmpty else { throw empty(answer) }
        let messages = [ChatMessage(role: .user, content: asked), ChatMessage(role: .assistant, content: said)]
        return (.chat(try system(fields["system"], before: messages) + messages), used)
    }

    private static func completion(
        _ prompt: JSONLValue.Member, _ completion: JSONLValue.Member, unused: inout [String]
    ) throws(JSONLFailure) -> DataRow {
        switch (prompt.value.kind, completion.value.kind) {
        case (.string(let given), .string(let answer)):
            guard !answer.isEmpty else { throw empty(completion) }
            return .completion(prompt: given, completion: answer)
        case (.array, .array):
            let spelling = JSONLMessages.chat.spelling(of: prompt.value)
            let given = try spelling.list(prompt.value, of: "prompt", needsAssistant: false, unused: &unused)
            let answers = try spelling.list(completion.value, of: "completion", needsAssistant: true, unused: &unused)
            return .chatCompletion(prompt: given, completion: answers)
        case (.string, .array), (.array, .string):
            throw JSONLFailure(
                .mixedPrompt, at: completion.value.offset,
                "\"prompt\" is \(prompt.value.name) and \"completion\" \(completion.value.name); both must be alike")
        case (.string, _), (.array, _): throw wrongType(completion)
        default: throw wrongType(prompt)
        }
    }

    private static func string(_ member: JSONLValue.Member) throws(JSONLFailure) -> String {
        guard case .string(let text) = member.value.kind else {
            throw JSONLFailure(
                .wrongType, at: member.value.offset, "\"\(member.key)\" must be a string and is \(member.value.name)")
        }
        return text
    }

    private static func wrongType(_ member: JSONLValue.Member) -> JSONLFailure {
        JSONLFailure(
            .wrongType, at: member.value.offset,
            "\"\(member.key)\" must be a string or a list of messages and is \(member.value.name)")
    }

    private static func empty(_ member: JSONLValue.Member) -> JSONLFailure {
        JSONLFailure(.nothingToTrain, at: member.value.offset, "\"\(member.key)\" is empty: there is nothing to learn")
    }

    private static func severalShapes(_ members: [JSONLValue.Member]) -> JSONLFailure {
        let present = members.filter { keys.contains($0.key) }
        let names = present.map { "\"\($0.key)\"" }.joined(separator: ", ")
        return JSONLFailure(
            .severalShapes, at: present.last?.keyOffset ?? 0,
            "the object has \(names), which are keys of several shapes; keep those of one")
    }

    /// The failure of an object without a whole shape, at the key that was probably meant for the missing one.
    private static func incomplete(
        _ line: JSONLValue, _ members: [JSONLValue.Member], prompt: JSONLValue.Member?,
        completion: JSONLValue.Member?
    ) -> JSONLFailure {
        if let present = prompt ?? completion {
            let missing = prompt == nil ? "prompt" : "completion"
            let meant = members.prefix(keysCompared).first {
                $0.key != present.key
                    && (NearestWord.nearest(to: $0.key, among: [missing]) ?? otherNames[$0.key]) == missing
            }
            return JSONLFailure(
                .missingKey, at: meant?.keyOffset ?? present.keyOffset,
                meant.map { "\"\(missing)\" is missing, and \(Printable.quoted($0.key)) is no key of this shape" }
                    ?? "\"\(present.key)\" is there without \"\(missing)\"", suggestion: meant.map { _ in missing })
        }
        for member in members.prefix(keysCompared) {
            if let meant = NearestWord.nearest(to: member.key, among: keys) ?? otherNames[member.key] {
                return JSONLFailure(
                    .unknownShape, at: member.keyOffset, "the key \(Printable.quoted(member.key)) is none that is read",
                    suggestion: meant)
            }
        }
        return JSONLFailure(
            .unknownShape, at: members.first?.keyOffset ?? line.offset,
            "none of the keys \"text\", \"prompt\" and \"completion\", \"messages\", \"conversations\" is there")
    }
}
