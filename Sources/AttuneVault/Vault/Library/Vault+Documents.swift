// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Keeps a text; one that is already there is left as it is, under the name it had first.
    @discardableResult
    package func putDocument(name: String, text: String) throws -> DocumentRecord {
        guard let record = try putDocuments([(name, text)]).first else {
            throw VaultError.failed("no document was kept")
        }
        return record
    }

    /// Keeps texts in one transaction; their records in the same order.
    @discardableResult
    package func putDocuments(_ documents: [(name: String, text: String)]) throws -> [DocumentRecord] {
        let time = Timestamp.milliseconds(now())
        return try write { database in
            try documents.map { document in
                let bytes = Array(document.text.utf8)
                let digest = DocumentID(BLAKE2b.hash(bytes))
                try database.execute(
                    sql: """
                        INSERT INTO documents (digest, name, text, bytes, added) VALUES (?, ?, ?, ?, ?)
                        ON CONFLICT (digest) DO NOTHING
                        """,
                    arguments: [digest, document.name, Data(bytes), bytes.count, time])
                return try Self.document(database, digest)
            }
        }
    }

    /// All documents, in the order they were put in.
    package func documents() throws -> [DocumentRecord] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT digest, name, bytes, added FROM documents ORDER BY seq")
                .map(Self.document)
        }
    }

    /// The text of a document.
    ///
    /// - Throws: `VaultError` E-VAULT-032.
    package func documentText(_ digest: DocumentID) throws -> String {
        try read { database in
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
    package func eraseDocument(_ digest: DocumentID) throws {
        try write { database in
            _ = try Self.document(database, digest)
            try database.execute(sql: "DELETE FROM run_documents WHERE document = ?", arguments: [digest])
            try database.execute(sql: "DELETE FROM documents WHERE digest = ?", arguments: [digest])
        }
    }

    private static func document(_ database: Database, _ digest: DocumentID) throws -> DocumentRecord {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT digest, name, bytes, added FROM documents WHERE digest = ?",
                arguments: [digest])
        else { throw VaultError.noDocument(digest) }
        return try document(row)
    }

    static func document(_ row: Row) throws -> DocumentRecord {
        DocumentRecord(
            digest: try row.value("digest"), name: try row.value("name"), bytes: try row.value("bytes"),
            added: try row.date("added"))
    }
}
