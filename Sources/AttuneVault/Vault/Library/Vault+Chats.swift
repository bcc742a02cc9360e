// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Starts a conversation.
    @discardableResult
    package func createChat(title: String) throws -> ChatRecord {
        try write { database in
            try database.execute(
                sql: "INSERT INTO chats (title, created) VALUES (?, ?)",
                arguments: [title, Timestamp.milliseconds(now())])
            return try Self.chat(database, database.lastInsertedRowID)
        }
    }

    /// All conversations in the order they were started, the trash left out.
    package func chats() throws -> [ChatRecord] {
        try read { database in
            try Row.fetchAll(database, sql: Self.chatQuery + "WHERE c.trashed = 0 ORDER BY c.seq").map(Self.chat)
        }
    }

    /// Adds a message at the end of a conversation.
    ///
    /// - Parameter version: the adapter version that answered.
    /// - Throws: `VaultError` E-VAULT-031.
    @discardableResult
    package func appendMessage(
        _ role: MessageRecord.Role, _ content: String, toChat id: Int64, version: VersionID? = nil
    ) throws -> MessageRecord {
        let time = Timestamp.milliseconds(now())
        return try write { database in
            guard try !Self.chat(database, id).isTrashed else { throw VaultError.noChat(id) }
            try database.execute(
                sql: "INSERT INTO messages (chat, role, content, version, created) VALUES (?, ?, ?, ?, ?)",
                arguments: [id, role, Data(content.utf8), version, time])
            return MessageRecord(role: role, content: content, version: version, created: Timestamp.date(time))
        }
    }

    /// Takes the last `count` messages of a conversation away, for good: an answer that is to be made again.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func dropLastMessages(_ count: Int, ofChat id: Int64) throws {
        try write { database in
            _ = try Self.chat(database, id)
            try database.execute(
                sql: """
                    DELETE FROM messages WHERE seq IN
                        (SELECT seq FROM messages WHERE chat = ? ORDER BY seq DESC LIMIT ?)
                    """, arguments: [id, max(count, 0)])
        }
    }

    /// The messages of a conversation in order.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func messages(ofChat id: Int64) throws -> [MessageRecord] {
        try read { database in
            _ = try Self.chat(database, id)
            return try Row.fetchAll(
                database, sql: "SELECT * FROM messages WHERE chat = ? ORDER BY seq", arguments: [id]
            ).map { row in
                MessageRecord(
                    role: try row.value("role"), content: try row.text("content"),
                    version: try row.optional("version"), created: try row.date("created"))
            }
        }
    }

    /// Gives a conversation another title.
    ///
    /// - Throws: `VaultError` E-VAULT-031.
    package func retitleChat(_ id: Int64, to title: String) throws {
        try write { database in
            _ = try Self.chat(database, id)
            try database.execute(sql: "UPDATE chats SET title = ? WHERE seq = ?", arguments: [title, id])
        }
    }

    private static let chatQuery =
        "SELECT c.*, (SELECT COUNT(*) FROM messages WHERE chat = c.seq) AS messages FROM chats c "

    static func chat(_ database: Database, _ id: Int64) throws -> ChatRecord {
        guard let row = try Row.fetchOne(database, sql: chatQuery + "WHERE c.seq = ?", arguments: [id]) else {
            throw VaultError.noChat(id)
        }
        return try chat(row)
    }

    private static func chat(_ row: Row) throws -> ChatRecord {
        ChatRecord(
            id: try row.value("seq"), title: try row.value("title"), created: try row.date("created"),
            messages: try row.value("messages"), isTrashed: try row.value("trashed"))
    }
}
