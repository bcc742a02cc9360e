// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// This device and its circle; nil before `attune devices add` or `join`.
    package func circleIdentity() throws -> CircleIdentity? { try read { try Self.circleIdentity($0) } }

    /// Makes this store a device of a circle, once; every live version waits to be published from then on.
    ///
    /// - Parameter links: signed links as received, in order from the genesis.
    /// - Throws: `VaultError` E-VAULT-050 if the store is a device of a circle already.
    package func enterCircle(
        _ circle: Digest256, device: [UInt8], sealedKeys: [UInt8], links: [(hash: Digest256, bytes: [UInt8])]
    ) throws {
        try write { database in
            guard try Self.circleIdentity(database) == nil else { throw VaultError.alreadyInCircle }
            try database.execute(
                sql: "INSERT INTO identity (one, circle, device, keys, joined) VALUES (1, ?, ?, ?, ?)",
                arguments: [circle.data, Data(device), Data(sealedKeys), Timestamp.milliseconds(now())])
            for (position, link) in links.enumerated() {
                try Self.insertLink(database, seq: UInt64(position + 1), link.hash, link.bytes)
            }
            try draftEverything(database)
        }
    }

    /// Leaves the circle: forgets keys, links, logs and what waited to be published. Adapters stay.
    ///
    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    package func leaveCircle() throws {
        guard try circleIdentity() != nil else { throw VaultError.notInCircle }
        try forgetCircle()
    }

    /// Forgets whatever there is of a circle.
    func forgetCircle() throws {
        try write { database in
            for table in [
                "identity", "links", "entries", "entry_heads", "remote_marks", "evidence", "events", "pins",
            ] {
                try database.execute(sql: "DELETE FROM \(table)")
            }
            try database.execute(sql: "UPDATE blobs SET wanted = 0")
            try database.execute(
                sql: "DELETE FROM settings WHERE key IN (?, ?)",
                arguments: [Self.epochKeysSetting, Self.contactsSetting])
        }
        OwnHeadFile(folder: folder, key: key.copy()).remove()
    }

    private static let epochKeysSetting = "sync.epoch-keys"
    private static let contactsSetting = "sync.contacts"

    /// When the circle's other devices were heard of, as JSON; nil where none was.
    package func contacts() throws -> String? { try setting(Self.contactsSetting) }

    /// Replaces it.
    package func setContacts(_ text: String) throws { try setSetting(Self.contactsSetting, to: text) }

    /// The keys of the circle's epochs, sealed once more under a key inside the store; nil where none are kept.
    package func epochKeys() throws -> [UInt8]? {
        guard let text = try setting(Self.epochKeysSetting) else { return nil }
        guard let data = Data(base64Encoded: text) else { throw VaultError.damaged("the keys of epochs") }
        return Array(data)
    }

    /// Replaces them.
    package func setEpochKeys(_ sealed: [UInt8]) throws {
        try setSetting(Self.epochKeysSetting, to: Data(sealed).base64EncodedString())
    }

    /// Signed links as received, with seq above `seq`, in order.
    package func links(after seq: UInt64, limit: Int) throws -> [[UInt8]] {
        guard let seq = Int64(exactly: seq) else { return [] }
        return try read { database in
            try Row.fetchAll(
                database, sql: "SELECT bytes FROM links WHERE seq > ? ORDER BY seq LIMIT ?", arguments: [seq, limit]
            ).map { try $0.bytes("bytes") }
        }
    }

    /// How many links the circle has here; 0 where there is none.
    package func linkCount() throws -> UInt64 {
        try read { UInt64(clamping: try Int64.fetchOne($0, sql: "SELECT MAX(seq) FROM links") ?? 0) }
    }

    /// Keeps the links up to `seq`, drops those above it, appends `links`, and drops entries that no longer count.
    ///
    /// - Parameter cutOffs: for devices (16 bytes), the last seq of theirs that counts.
    package func replaceLinks(
        after seq: UInt64, with links: [(hash: Digest256, bytes: [UInt8])], cutOffs: [[UInt8]: UInt64]
    ) throws {
        let unused: [Digest256] = try write { database in
            try database.execute(
                sql: "DELETE FROM links WHERE seq > ?", arguments: [Int64(clamping: seq)])
            for (position, link) in links.enumerated() {
                try Self.insertLink(database, seq: seq + UInt64(position + 1), link.hash, link.bytes)
            }
            var unused: [Digest256] = []
            for (device, last) in cutOffs { unused += try cutOff(database, device, after: Int64(clamping: last)) }
            return unused
        }
        chunks.remove(unused)
    }

    static func circleIdentity(_ database: Database) throws -> CircleIdentity? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM identity") else { return nil }
        return CircleIdentity(
            circle: try row.digest("circle"), device: try row.bytes("device"), sealedKeys: try row.bytes("keys"),
            joined: try row.date("joined"))
    }

    private static func insertLink(_ database: Database, seq: UInt64, _ hash: Digest256, _ bytes: [UInt8]) throws {
        try database.execute(
            sql: "INSERT INTO links (seq, hash, bytes) VALUES (?, ?, ?)",
            arguments: [Int64(clamping: seq), hash.data, Data(bytes)])
    }
}
