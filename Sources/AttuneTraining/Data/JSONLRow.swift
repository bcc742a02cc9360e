// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer

/// Takes one JSON object for one of the shapes of training data; each row decides for itself.
///
/// `text`; `prompt` and `completion`, both strings or both lists of messages; `messages` of `role` and `content`;
/// `conversations` of `from` and `value`. Other keys are let through and listed, so that nothing is skipped silently.
struct JSONLRow {
    let row: DataRow
    /// Keys that no shape uses, as they are spelled in the line.
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

    init(_ line: JSONLValue) throws(JSONLFailure) {
        guard case .object(let members) = line.kind else {
            throw JSONLFailure(
                .notAnObject, at: line.offset, "a line must be one object in braces, and this is \(line.name)")
        }
        let fields = Dictionary(members.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let used: [String]
        switch (fields["prompt"], fields["completion"], fields["messages"], fields["conversations"], fields["text"]) {
        case (let prompt?, let completion?, nil, nil, nil):
            row = try Self.completion(prompt, completion)
            used = ["prompt", "completion"]
        case (let prompt, let completion, let messages?, nil, nil) where prompt == nil || completion == nil:
            row = .chat(try JSONLMessages.chat.list(messages.value, of: "messages", needsAssistant: true))
            used = ["messages"]
        case (let prompt, let completion, nil, let conversations?, nil) where prompt == nil || completion == nil:
            row = .chat(try JSONLMessages.shareGPT.list(conversations.value, of: "conversations", needsAssistant: true))
            used = ["conversations"]
        case (let prompt, let completion, nil, nil, let text?) where prompt == nil || completion == nil:
            let content = try Self.string(text)
            guard !content.isEmpty else { throw Self.empty(text) }
            row = .text(content)
            used = ["text"]
        case (let prompt, let completion, nil, nil, nil):
            throw Self.incomplete(line, members, prompt: prompt, completion: completion)
        default: throw Self.severalShapes(members)
        }
        unusedKeys = members.map(\.key).filter { !used.contains($0) }
    }

    private static func completion(
        _ prompt: JSONLValue.Member, _ completion: JSONLValue.Member
    ) throws(JSONLFailure) -> DataRow {
        switch (prompt.value.kind, completion.value.kind) {
        case (.string(let given), .string(let answer)):
            guard !answer.isEmpty else { throw empty(completion) }
            return .completion(prompt: given, completion: answer)
        case (.array, .array):
            return .chatCompletion(
                prompt: try JSONLMessages.chat.list(prompt.value, of: "prompt", needsAssistant: false),
                completion: try JSONLMessages.chat.list(completion.value, of: "completion", needsAssistant: true))
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
