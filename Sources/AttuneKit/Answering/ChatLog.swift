// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer
import AttuneVault

/// The record of one conversation in the store; it begins with the first message.
///
/// Between messages other processes may write. Where one is still writing, messages wait here for the next try.
final class ChatLog {
    /// A message and the adapter version that answered.
    typealias Entry = (message: ChatMessage, version: VersionID?)

    private let vault: Vault
    private var id: Int64?
    private var waiting: [Entry] = []

    /// - Parameter continuing: Goes on with the last conversation, if there is one.
    init(vault: Vault, continuing: Bool) throws {
        self.vault = vault
        if continuing { id = try vault.chats.all().last?.id }
    }

    func messages() throws -> [ChatMessage] {
        guard let id else { return [] }
        return try vault.chats.messages(of: id).compactMap { message in
            ChatMessage.Role(rawValue: message.role.rawValue).map { ChatMessage(role: $0, content: message.content) }
        }
    }

    /// Keeps messages and lets other processes write again.
    ///
    /// - Throws: `VaultError`; what could not be kept waits for the next call.
    func append(_ entries: [Entry]) throws {
        waiting += entries
        try flush()
    }

    /// Keeps what is waiting.
    func flush() throws {
        guard !waiting.isEmpty else { return }
        defer { vault.yieldLock() }
        while let (message, version) = waiting.first {
            if let role = MessageRecord.Role(rawValue: message.role.rawValue) {
                try vault.chats.append(
                    role, message.content, to: try chat(title: message.content), version: version)
            }
            waiting.removeFirst()
        }
    }

    /// Takes the last question and answer back.
    func undo() throws {
        let unkept = min(2, waiting.count)
        if let id, unkept < 2 {
            defer { vault.yieldLock() }
            try vault.chats.dropLast(2 - unkept, of: id)
        }
        waiting.removeLast(unkept)
    }

    private func chat(title: String) throws -> Int64 {
        if let id { return id }
        let made = try vault.chats.create(title: String(title.prefix(60))).id
        id = made
        return made
    }
}
