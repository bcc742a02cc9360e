// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer

/// Reads a list of messages in one of the two spellings in use.
struct JSONLMessages {
    /// Key of who speaks.
    private let roleKey: String
    /// Key of what is said.
    private let contentKey: String
    /// Every accepted name of a role.
    private let roles: [String: ChatMessage.Role]

    /// `role` and `content`, as chat services spell them.
    static let chat = JSONLMessages(
        roleKey: "role", contentKey: "content",
        roles: ["system": .system, "user": .user, "assistant": .assistant, "tool": .tool])
    /// `from` and `value`, as ShareGPT spells them.
    static let shareGPT = JSONLMessages(
        roleKey: "from", contentKey: "value",
        roles: [
            "system": .system, "human": .user, "user": .user, "gpt": .assistant, "assistant": .assistant,
            "model": .assistant, "tool": .tool, "observation": .tool,
        ])
    /// Names that other services use, and the nearest here; looked up after spelling mistakes.
    private static let otherRoles = [
        "developer": "system", "human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant",
        "ai": "assistant", "function": "tool", "observation": "tool",
    ]
    private static let callKeys: Set<String> = ["tool_calls", "function_call"]

    /// The messages of the list in `key`.
    ///
    /// - Parameter needsAssistant: whether an assistant message must be among them, since only those are learned.
    func list(_ value: JSONLValue, of key: String, needsAssistant: Bool) throws(JSONLFailure) -> [ChatMessage] {
        guard case .array(let elements) = value.kind else {
            throw JSONLFailure(
                .wrongType, at: value.offset, "\"\(key)\" must be a list of messages and is \(value.name)")
        }
        guard !elements.isEmpty else {
            throw JSONLFailure(.noMessages, at: value.offset, "\"\(key)\" is an empty list")
        }
        var messages: [ChatMessage] = []
        for element in elements { messages.append(try message(element)) }
        if needsAssistant, !messages.contains(where: { $0.role == .assistant }) {
            throw JSONLFailure(
                .noAssistant, at: value.offset, "\"\(key)\" has no assistant message: there is nothing to learn")
        }
        return messages
    }

    private func message(_ value: JSONLValue) throws(JSONLFailure) -> ChatMessage {
        guard case .object(let members) = value.kind else {
            throw JSONLFailure(
                .wrongType, at: value.offset,
                "a message must be an object with \"\(roleKey)\" and \"\(contentKey)\" and is \(value.name)")
        }
        if let call = members.first(where: { Self.callKeys.contains($0.key) }), !isNothing(call.value) {
            throw JSONLFailure(.toolCalls, at: call.keyOffset, "\"\(call.key)\" calls a tool, which cannot be trained")
        }
        let (roleName, roleOffset) = try string(roleKey, in: members, of: value)
        guard let role = roles[roleName] else { throw unknownRole(roleName, at: roleOffset) }
        let (content, contentOffset) = try string(contentKey, in: members, of: value)
        guard role != .assistant || !content.isEmpty else {
            throw JSONLFailure(
                .nothingToTrain, at: contentOffset, "the assistant message is empty: there is nothing to learn")
        }
        return ChatMessage(role: role, content: content)
    }

    private func isNothing(_ value: JSONLValue) -> Bool {
        switch value.kind {
        case .null: true
        case .array(let elements): elements.isEmpty
        default: false
        }
    }

    private func unknownRole(_ name: String, at offset: Int) -> JSONLFailure {
        let names = roles.keys.sorted()
        let meant = NearestWord.nearest(to: name, among: names) ?? Self.otherRoles[name]
        let hint = meant == nil ? "; it must be one of \(names.joined(separator: ", "))" : ""
        return JSONLFailure(
            .unknownRole, at: offset, "\"\(roleKey)\" is \(Printable.quoted(name))\(hint)", suggestion: meant)
    }

    /// The string under `key` and where it starts.
    private func string(
        _ key: String, in members: [JSONLValue.Member], of message: JSONLValue
    ) throws(JSONLFailure) -> (String, Int) {
        guard let member = members.first(where: { $0.key == key }) else {
            let known = [roleKey, contentKey, "role", "content", "from", "value"]
            let meant = members.first {
                !known.contains($0.key) && NearestWord.nearest(to: $0.key, among: [key]) == key
            }
            if let meant {
                throw JSONLFailure(
                    .missingKey, at: meant.keyOffset,
                    "a message has no \"\(key)\", and \(Printable.quoted(meant.key)) is no key of a message",
                    suggestion: key)
            }
            throw JSONLFailure(.missingKey, at: message.offset, "a message has no \"\(key)\"")
        }
        guard case .string(let text) = member.value.kind else {
            throw JSONLFailure(
                .wrongType, at: member.value.offset, "\"\(key)\" must be a string and is \(member.value.name)")
        }
        return (text, member.value.offset)
    }
}
