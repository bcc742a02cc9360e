// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer
import AttuneVault

/// The record of one conversation in the vault; it begins with the first message.
final class ChatLog {
    private let vault: Vault
    private var id: Int64?

    /// - Parameter continuing: Goes on with the last conversation, if there is one.
    init(vault: Vault, continuing: Bool) throws {
        self.vault = vault
        if continuing { id = try vault.chats().last?.id }
    }

    func messages() throws -> [ChatMessage] {
        guard let id else { return [] }
        return try vault.messages(ofChat: id).compactMap { message in
            ChatMessage.Role(rawValue: message.role.rawValue).map { ChatMessage(role: $0, content: message.content) }
        }
    }

    /// Keeps a message and lets other processes write again.
    func append(_ message: ChatMessage, version: Digest256?) throws {
        guard let role = MessageRecord.Role(rawValue: message.role.rawValue) else { return }
        defer { vault.yieldLock() }
        let chat: Int64
        if let id {
            chat = id
        } else {
            chat = try vault.createChat(title: String(message.content.prefix(60))).id
            id = chat
        }
        try vault.appendMessage(role, message.content, toChat: chat, version: version)
    }

    /// Takes the last question and answer back.
    func undo() throws {
        guard let id else { return }
        defer { vault.yieldLock() }
        try vault.dropLastMessages(2, ofChat: id)
    }
}
