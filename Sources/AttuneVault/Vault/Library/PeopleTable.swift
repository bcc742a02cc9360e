// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Describes another person as this store knows them: their circle, and whether its safety number was compared.
package struct PersonRecord: Sendable, Equatable {
    /// Hash of the genesis link of their circle.
    package let circle: CircleID
    package let name: String
    /// The links of their circle, as the caller serialised them.
    package let links: [UInt8]
    /// True once a person has compared the safety number.
    package let isConfirmed: Bool
    package let added: Date
}

/// Keeps other people, as far as this store knows them.
package struct PeopleTable: Sendable {
    let vault: Vault

    /// Lists all people by name.
    package func all() throws -> [PersonRecord] {
        try vault.read { try Row.fetchAll($0, sql: "SELECT * FROM people ORDER BY name").map(Self.record) }
    }

    /// Finds the person of this name.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func fetch(named name: String) throws -> PersonRecord {
        guard let found = try all().first(where: { $0.name == name }) else { throw VaultError.noPerson(name) }
        return found
    }

    /// Keeps what is known of a person; newer links of a known circle keep its name and whether it was confirmed.
    ///
    /// - Throws: `VaultError` E-VAULT-021 if another person has the name, E-VAULT-022 (not a name).
    @discardableResult
    package func put(_ circle: CircleID, name: String, links: [UInt8]) throws -> PersonRecord {
        let name = try AdapterName.checked(name)
        return try vault.write { database in
            let taken = try Row.fetchOne(
                database, sql: "SELECT circle FROM people WHERE name = ? AND circle <> ?",
                arguments: [name, circle])
            guard taken == nil else { throw VaultError.nameTaken(name) }
            try database.execute(
                sql: """
                    INSERT INTO people (circle, name, links, added) VALUES (?, ?, ?, ?)
                    ON CONFLICT (circle) DO UPDATE SET links = excluded.links
                    """, arguments: [circle, name, Data(links), Timestamp.milliseconds(vault.now())])
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM people WHERE circle = ?", arguments: [circle])
            else { throw VaultError.noPerson(name) }
            return try Self.record(row)
        }
    }

    /// Notes that the safety number was compared, or that it no longer counts.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func confirm(_ name: String, _ isConfirmed: Bool = true) throws {
        try vault.write { database in
            try database.execute(
                sql: "UPDATE people SET confirmed = ? WHERE name = ?", arguments: [isConfirmed, name])
            guard database.changesCount == 1 else { throw VaultError.noPerson(name) }
        }
    }

    /// Forgets a person; adapters of theirs stay.
    ///
    /// - Throws: `VaultError` E-VAULT-054.
    package func remove(_ name: String) throws {
        try vault.write { database in
            try database.execute(sql: "DELETE FROM people WHERE name = ?", arguments: [name])
            guard database.changesCount == 1 else { throw VaultError.noPerson(name) }
        }
    }

    private static func record(_ row: Row) throws -> PersonRecord {
        PersonRecord(
            circle: try row.value("circle"), name: try row.value("name"), links: try row.bytes("links"),
            isConfirmed: try row.value("confirmed"), added: try row.date("added"))
    }
}
