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
        roles: [
            "system": .system, "developer": .system, "user": .user, "assistant": .assistant, "tool": .tool,
        ])
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
    /// Keys that say whether an answer is learned: OpenAI's `weight`, axolotl's `train` and `training`.
    private static let learnedKeys = ["weight", "train", "training"]

    /// This spelling, or the other one where the first message names who speaks in that one only.
    func spelling(of value: JSONLValue) -> JSONLMessages {
        guard case .array(let elements) = value.kind, case .object(let members)? = elements.first?.kind else {
            return self
        }
        let other = roleKey == Self.chat.roleKey ? Self.shareGPT : Self.chat
        func has(_ key: String) -> Bool { members.contains { $0.key == key } }
        return has(other.roleKey) && !has(roleKey) ? other : self
    }

    /// The messages of the list in `key`.
    ///
    /// - Parameters:
    ///   - needsAssistant: whether an assistant message must be among them, since only those are learned.
    ///   - unused: keys of messages that say something and are not used, each as `key[].name`.
    func list(
        _ value: JSONLValue, of key: String, needsAssistant: Bool, unused: inout [String]
    ) throws(JSONLFailure) -> [ChatMessage] {
        guard case .array(let elements) = value.kind else {
            throw JSONLFailure(
                .wrongType, at: value.offset, "\"\(key)\" must be a list of messages and is \(value.name)")
        }
        guard !elements.isEmpty else {
            throw JSONLFailure(.noMessages, at: value.offset, "\"\(key)\" is an empty list")
        }
        var messages: [ChatMessage] = []
        var names: [String] = []
        for element in elements { messages.append(try message(element, unused: &names)) }
        unused += Set(names).sorted().map { "\(key)[].\($0)" }
        guard needsAssistant else { return messages }
        guard messages.contains(where: { $0.role == .assistant }) else {
            throw JSONLFailure(
                .noAssistant, at: value.offset, "\"\(key)\" has no assistant message: there is nothing to learn")
        }
        guard messages.contains(where: { $0.role == .assistant && !$0.isGiven }) else {
            throw JSONLFailure(
                .noAssistant, at: value.offset, "\"\(key)\" says of each assistant message that it is not to be learned"
            )
        }
        return messages
    }

    private func message(_ value: JSONLValue, unused: inout [String]) throws(JSONLFailure) -> ChatMessage {
        guard case .object(let members) = value.kind else {
            throw JSONLFailure(
                .wrongType, at: value.offset,
                "a message must be an object with \"\(roleKey)\" and \"\(contentKey)\" and is \(value.name)")
        }
        if let call = members.first(where: { Self.callKeys.contains($0.key) }), !call.value.isNothing {
            throw JSONLFailure(.toolCalls, at: call.keyOffset, "\"\(call.key)\" calls a tool, which cannot be trained")
        }
        let named = try member(roleKey, in: members, of: value)
        guard case .string(let roleName) = named.value.kind else { throw wrongType(named) }
        guard let role = roles[roleName] else { throw unknownRole(roleName, at: named.value.offset) }
        let said = try member(contentKey, in: members, of: value)
        let content = try text(said)
        guard role != .assistant || !content.isEmpty else {
            throw JSONLFailure(
                .nothingToTrain, at: said.value.offset, "the assistant message is empty: there is nothing to learn")
        }
        let isLearned = try Self.isLearned(members)
        let used = [roleKey, contentKey] + Self.learnedKeys
        unused += members.filter { !used.contains($0.key) && !$0.value.isNothing }.map(\.key)
        return ChatMessage(role: role, content: content, isGiven: role == .assistant && !isLearned)
    }

    /// Whether no key says that the message is only there to be read.
    private static func isLearned(_ members: [JSONLValue.Member]) throws(JSONLFailure) -> Bool {
        for member in members where learnedKeys.contains(member.key) {
            switch member.value.kind {
            case .null, .boolean(true), .number(1): continue
            case .boolean(false), .number(0): return false
            default:
                throw JSONLFailure(
                    .wrongType, at: member.value.offset, "\"\(member.key)\" must be 0 or 1, true or false")
            }
        }
        return true
    }

    private func unknownRole(_ name: String, at offset: Int) -> JSONLFailure {
        let names = roles.keys.sorted()
        let meant = NearestWord.nearest(to: name, among: names) ?? Self.otherRoles[name]
        let hint = meant == nil ? "; it must be one of \(names.joined(separator: ", "))" : ""
        return JSONLFailure(
            .unknownRole, at: offset, "\"\(roleKey)\" is \(Printable.quoted(name))\(hint)", suggestion: meant)
    }

    /// The member of a message under `key`.
    private func member(
        _ key: String, in members: [JSONLValue.Member], of message: JSONLValue
    ) throws(JSONLFailure) -> JSONLValue.Member {
        if let member = members.first(where: { $0.key == key }) { return member }
        let known = [roleKey, contentKey, "role", "content", "from", "value"]
        let meant = members.first { !known.contains($0.key) && NearestWord.nearest(to: $0.key, among: [key]) == key }
        if let meant {
            throw JSONLFailure(
                .missingKey, at: meant.keyOffset,
                "a message has no \"\(key)\", and \(Printable.quoted(meant.key)) is no key of a message",
                suggestion: key)
        }
        throw JSONLFailure(.missingKey, at: message.offset, "a message has no \"\(key)\"")
    }

    /// What is said: a string, or a list of parts that are all text, joined as they stand.
    private func text(_ member: JSONLValue.Member) throws(JSONLFailure) -> String {
        switch member.value.kind {
        case .string(let text): return text
        case .array(let parts):
            var text = ""
            for part in parts { text += try Self.part(part) }
            return text
        default: throw wrongType(member)
        }
    }

    private static func part(_ value: JSONLValue) throws(JSONLFailure) -> String {
        if case .string(let text) = value.kind { return text }
        guard case .object(let members) = value.kind,
            case .string(let text)? = members.first(where: { $0.key == "text" })?.value.kind
        else {
            throw JSONLFailure(.wrongType, at: value.offset, "a part of a message is no text; only text is trained")
        }
        return text
    }

    private func wrongType(_ member: JSONLValue.Member) -> JSONLFailure {
        JSONLFailure(
            .wrongType, at: member.value.offset, "\"\(member.key)\" must be a string and is \(member.value.name)")
    }
}
