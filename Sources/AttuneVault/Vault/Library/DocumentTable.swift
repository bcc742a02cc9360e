// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Describes one of the person's own texts; it never leaves this device.
package struct DocumentRecord: Sendable, Equatable {
    /// BLAKE2b-256 of the UTF-8 bytes of the text.
    package let digest: DocumentID
    /// File name or path it came from when it was first put in.
    package let name: String
    /// Count of UTF-8 bytes.
    package let bytes: Int
    package let added: Date
}

/// Keeps the person's own texts, each once.
package struct DocumentTable: Sendable {
    let vault: Vault

    /// Keeps a text; one that is already there is left as it is, under the name it had first.
    @discardableResult
    package func put(name: String, text: String) throws -> DocumentRecord {
        guard let record = try put([(name, text)]).first else { throw VaultError.failed("no document was kept") }
        return record
    }

    /// Keeps texts in one transaction and returns their records in the same order.
    @discardableResult
    package func put(_ documents: [(name: String, text: String)]) throws -> [DocumentRecord] {
        let time = Timestamp.milliseconds(vault.now())
        return try vault.write { database in
            try documents.map { document in
                let bytes = Array(document.text.utf8)
                let digest = DocumentID(BLAKE2b.hash(bytes))
                try database.execute(
                    sql: """
                        INSERT INTO documents (digest, name, text, bytes, added) VALUES (?, ?, ?, ?, ?)
                        ON CONFLICT (digest) DO NOTHING
                        """,
                    arguments: [digest, document.name, Data(bytes), bytes.count, time])
                return try Self.fetch(database, digest)
            }
        }
    }

    /// Lists all documents in the order they were put in.
    package func all() throws -> [DocumentRecord] {
        try vault.read { database in
            try Row.fetchAll(database, sql: "SELECT digest, name, bytes, added FROM documents ORDER BY seq")
                .map(Self.record)
        }
    }

    /// Reads the text of a document.
    ///
    /// - Throws: `VaultError` E-VAULT-032.
    package func text(of digest: DocumentID) throws -> String {
        try vault.read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT text FROM documents WHERE digest = ?", arguments: [digest])
            else { throw VaultError.noDocument(digest) }
            return try row.text("text")
        }
    }

    /// Erases a document for good, and with it the note of which runs used it. This cannot be undone.
    ///
    /// - Throws: `VaultError` E-VAULT-032.
    package func erase(_ digest: DocumentID) throws {
        try vault.write { database in
            _ = try Self.fetch(database, digest)
            try RunTable.forgetDocument(database, digest)
            try database.execute(sql: "DELETE FROM documents WHERE digest = ?", arguments: [digest])
        }
    }
}

extension DocumentTable {
    /// - Throws: `VaultError` E-VAULT-032.
    static func fetch(_ database: Database, _ digest: DocumentID) throws -> DocumentRecord {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT digest, name, bytes, added FROM documents WHERE digest = ?",
                arguments: [digest])
        else { throw VaultError.noDocument(digest) }
        return try record(row)
    }

    static func record(_ row: Row) throws -> DocumentRecord {
        DocumentRecord(
            digest: try row.value("digest"), name: try row.value("name"), bytes: try row.value("bytes"),
            added: try row.date("added"))
    }
}
