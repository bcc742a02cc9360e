// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes a conversation.
package struct ChatRecord: Sendable, Equatable {
    /// Grows with each new conversation.
    package let id: Int64
    package let title: String
    package let created: Date
    /// Count of messages.
    package let messages: Int
    package let isTrashed: Bool
}

/// Holds what was said in one turn of a conversation.
package struct MessageRecord: Sendable, Equatable {
    /// Says who speaks.
    package enum Role: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
        case system
        case user
        case assistant
    }

    package let role: Role
    package let content: String
    /// The adapter version that answered; nil for people and for the base alone.
    package let version: VersionID?
    package let created: Date
}

/// Keeps conversations and their messages.
package struct ChatTable: Sendable {
    let vault: Vault

    /// Starts a conversation.
    @discardableResult
    package func create(title: String) throws -> ChatRecord {
        try vault.write { database in
            try database.execute(
                sql: "INSERT INTO chats (title, created) VALUES (?, ?)",
                arguments: [title, Timestamp.milliseconds(vault.now())])
            return try Self.fetch(database, database.lastInsertedRowID)
        }
    }

    /// Lists all conversations in the order they were started, the trash left out.
    package func all() throws -> [ChatRecord] {
        try vault.read { database in
            try Row.fetchAll(database, sql: Self.query + "WHERE c.trashed = 0 ORDER BY c.seq").map(Self.record)
        }
    }

    /// Adds a message at the end of a conversation.
    ///
    /// - Parameter version: the adapter version that answered.
    /// - Throws: `VaultError` E-VAULT-031.
    @discardableResult
    package func append(
        _ role: MessageRecord.Role, _ content: String, to id: Int64, version: VersionID? = nil
    ) throws -> MessageRecord {
        let time = Timestamp.milliseconds(vault.now())
        return try vault.write { database in
            guard try !Self.fetch(database, id).isTrashed else { throw VaultError.noChat(id) }
            try database.execute(
                sql: "INSERT INTO messages (chat, role, content, version, created) VALUES (?, ?, ?, ?, ?)",
                arguments: [id, role, Data(content.utf8), version, time])
            return MessageRecord(role: role, content: content, version: version, created: Timestamp.date(time))
        }
    }

    /// Takes the last `count` messages of a conversation away, for good: an answer that is to be made again.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func dropLast(_ count: Int, of id: Int64) throws {
        try vault.write { database in
            _ = try Self.fetch(database, id)
            try database.execute(
                sql: """
                    DELETE FROM messages WHERE seq IN
                        (SELECT seq FROM messages WHERE chat = ? ORDER BY seq DESC LIMIT ?)
                    """, arguments: [id, max(count, 0)])
        }
    }

    /// Reads the messages of a conversation in order.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func messages(of id: Int64) throws -> [MessageRecord] {
        try vault.read { database in
            _ = try Self.fetch(database, id)
            return try Row.fetchAll(
                database, sql: "SELECT * FROM messages WHERE chat = ? ORDER BY seq", arguments: [id]
            ).map { row in
                MessageRecord(
                    role: try row.value("role"), content: try row.text("content"),
                    version: try row.optional("version"), created: try row.date("created"))
            }
        }
    }

    /// Moves a chat with all its messages to the trash.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func trash(_ id: Int64) throws {
        try vault.write { database in
            let chat = try Self.fetch(database, id)
            guard !chat.isTrashed else { throw VaultError.noChat(id) }
            try vault.trash.discard(
                database, .chat, "\(id)", name: chat.title, description: "remove chat \(chat.title)",
                logged: "chat \(id)")
        }
    }
}

extension ChatTable {
    private static let query =
        "SELECT c.*, (SELECT COUNT(*) FROM messages WHERE chat = c.seq) AS messages FROM chats c "

    /// - Throws: `VaultError` E-VAULT-031.
    static func fetch(_ database: Database, _ id: Int64) throws -> ChatRecord {
        guard let row = try Row.fetchOne(database, sql: query + "WHERE c.seq = ?", arguments: [id]) else {
            throw VaultError.noChat(id)
        }
        return try record(row)
    }

    static func title(_ database: Database, _ id: Int64?) throws -> String? {
        try String.fetchOne(database, sql: "SELECT title FROM chats WHERE seq = ?", arguments: [id])
    }

    static func setTrashed(_ database: Database, _ id: Int64?, _ isTrashed: Bool) throws {
        try database.execute(cached: "UPDATE chats SET trashed = ? WHERE seq = ?", arguments: [isTrashed, id])
    }

    static func erase(_ database: Database, _ id: Int64?) throws {
        try database.execute(sql: "DELETE FROM chats WHERE seq = ?", arguments: [id])
    }

    private static func record(_ row: Row) throws -> ChatRecord {
        ChatRecord(
            id: try row.value("seq"), title: try row.value("title"), created: try row.date("created"),
            messages: try row.value("messages"), isTrashed: try row.value("trashed"))
    }
}
