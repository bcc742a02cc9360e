// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import Foundation

/// Another person in a line.
package struct Person: Sendable, Encodable {
    package let name: String
    /// The id of their circle, 64 hexadecimal digits.
    package let circle: String
    /// Whether the safety number was compared.
    package let confirmed: Bool
    /// The start of the circle's id, enough to tell it from others on a screen.
    package var circleStart: String { String(circle.prefix(12)) }

    init(_ record: PersonRecord) {
        name = record.name
        circle = record.circle.description
        confirmed = record.isConfirmed
    }
}

/// An adapter that came from elsewhere and that nobody took in yet.
package struct ReceivedAdapter: Sendable, Encodable {
    package let name: String
    /// Who sent it; nil if that is not known.
    package let from: String?
    package let arrived: Date
}

/// Other people, and what came from them.
///
/// A name that is nobody's throws `VaultError` E-VAULT-054, one that nothing was received under E-VAULT-055.
package struct People: Sendable {
    fileprivate let workspace: Workspace
    private var vault: Vault { workspace.vault }

    /// All of them, by name.
    package func list() throws -> [Person] { try vault.people.all().map(Person.init) }

    /// Keeps a person's card under a name, or a newer card of the same circle.
    ///
    /// - Throws: as `Workspace.addPerson`; `KitError` E-SHARE-001 for what is no card.
    package func add(card: [UInt8], name: String) throws -> Person {
        Person(try workspace.addPerson(card: try PersonCard(parsing: card), name: name))
    }

    /// Forgets a person; adapters of theirs stay.
    package func remove(_ name: String) throws { try vault.people.remove(name) }

    /// What came from elsewhere and waits.
    package func received() throws -> [ReceivedAdapter] {
        try vault.received.all().map { ReceivedAdapter(name: $0.name, from: $0.person, arrived: $0.arrived) }
    }

    /// Makes an adapter of its own of what was received last under a name.
    ///
    /// - Parameter newName: what to call it; nil for its own name, with a number behind it where that is taken.
    /// - Returns: the version, such as `notes@1`.
    /// - Throws: as `Workspace.accept`.
    package func accept(_ name: String, as newName: String?) throws -> String {
        let record = try workspace.received(named: name)
        let target = try newName ?? workspace.freeName(record.name)
        return try workspace.accept(record, as: target).reference.description
    }

    /// Throws away what was received last under a name.
    package func reject(_ name: String) throws { try vault.received.reject(try workspace.received(named: name)) }
}

extension Workspace {
    package var people: People { People(workspace: self) }
}
