// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Tells which circle this store belongs to, and which device of it this is.
package struct CircleIdentity: Sendable, Equatable {
    /// Hash of the circle's genesis link.
    package let circle: CircleID
    package let device: DeviceID
    /// The device's secret keys, sealed once more under a key inside the store.
    package let sealedKeys: [UInt8]
    package let joined: Date
}

/// Keeps which device of which circle this is, and the circle's links.
package struct CircleTable: Sendable {
    let vault: Vault

    /// Reads which device of which circle this is; nil before `attune devices add` or `join`.
    package func identity() throws -> CircleIdentity? { try vault.read { try Self.identity($0) } }

    /// Makes this store a device of a circle; every live version waits to be published from then on.
    ///
    /// - Parameters:
    ///   - links: signed links as received, in order from the genesis.
    ///   - leavesPresent: whether the store leaves the circle that it is in, as `leave()` does, in the same step.
    /// - Throws: `VaultError` E-VAULT-050 if the store is a device of a circle already.
    package func enter(
        _ circle: CircleID, device: DeviceID, sealedKeys: [UInt8], links: [(hash: LinkHash, bytes: [UInt8])],
        leavesPresent: Bool = false
    ) throws {
        let left = try vault.write { database in
            let isInCircle = try Self.identity(database) != nil
            guard !isInCircle || leavesPresent else { throw VaultError.alreadyInCircle }
            if isInCircle { try Self.forget(database) }
            try database.execute(
                sql: "INSERT INTO identity (one, circle, device, keys, joined) VALUES (1, ?, ?, ?, ?)",
                arguments: [circle, device, Data(sealedKeys), Timestamp.milliseconds(vault.now())])
            for (position, link) in links.enumerated() {
                try insertLink(database, seq: UInt64(position + 1), link.hash, link.bytes)
            }
            try EventTable.draftEverything(database)
            return isInCircle
        }
        if left { OwnHeadFile(folder: vault.folder, key: vault.key.copy()).remove() }
    }

    /// Leaves the circle: forgets keys, links, logs and what waited to be published. Adapters stay.
    ///
    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    package func leave() throws {
        guard try identity() != nil else { throw VaultError.notInCircle }
        try forget()
    }

    /// Forgets whatever there is of a circle.
    func forget() throws {
        try vault.write { database in
            try Self.forget(database)
        }
        OwnHeadFile(folder: vault.folder, key: vault.key.copy()).remove()
    }

    private static func forget(_ database: Database) throws {
        for table in [
            "identity", "links", "entries", "entry_heads", "remote_marks", "evidence", "events", "pins", "claims",
        ] {
            try database.execute(sql: "DELETE FROM \(table)")
        }
        // What only claims that were not shown were about.
        try BlobTable.forgetClaimed(database)
        for setting in [epochKeysSetting, contactsSetting, nicknamesSetting, recoveryDeviceSetting] {
            try SettingTable.set(database, setting, to: nil)
        }
    }

    private static let epochKeysSetting = "sync.epoch-keys"
    private static let contactsSetting = "sync.contacts"
    private static let nicknamesSetting = "sync.nicknames"
    private static let recoveryDeviceSetting = "recovery.device"
    private static let newRecoverySetting = "recovery.new-device"

    /// Reads what this store calls other devices, as JSON; nil if it has no names of its own for any.
    package func nicknames() throws -> String? { try vault.settings.value(of: Self.nicknamesSetting) }

    /// Replaces it.
    package func setNicknames(_ text: String) throws { try vault.settings.set(Self.nicknamesSetting, to: text) }

    /// Reads which paper device has the words that open this store; nil if that was never noted.
    package func recoveryDevice() throws -> DeviceID? {
        try vault.settings.value(of: Self.recoveryDeviceSetting).flatMap { DeviceID(hex: $0) }
    }

    /// Reads which paper device has the words that open this store too, until the circle has it; nil but while words are
    /// replaced.
    package func newRecoveryDevice() throws -> DeviceID? {
        try vault.settings.value(of: Self.newRecoverySetting).flatMap { DeviceID(hex: $0) }
    }

    /// Notes whose words open the store, and whose are about to.
    package func setRecoveryDevice(_ present: DeviceID?, new: DeviceID?) throws {
        try vault.settings.set(Self.recoveryDeviceSetting, to: present?.description)
        try vault.settings.set(Self.newRecoverySetting, to: new?.description)
    }

    /// Tells when each link came here, by number, by this machine's clock; those of an earlier layout are left out.
    package func linkTimes() throws -> [UInt64: Date] {
        try vault.read { database in
            try Row.fetchAll(database, sql: "SELECT seq, received FROM links WHERE received IS NOT NULL")
                .reduce(into: [:]) { times, row in
                    times[UInt64(clamping: try row.value("seq", as: Int64.self))] = try row.date("received")
                }
        }
    }

    /// Tells when the circle's other devices were heard of, as JSON; nil if none was.
    package func contacts() throws -> String? { try vault.settings.value(of: Self.contactsSetting) }

    /// Replaces it.
    package func setContacts(_ text: String) throws { try vault.settings.set(Self.contactsSetting, to: text) }

    /// Reads the keys of the circle's epochs, sealed once more under a key inside the store; nil if none are kept.
    package func epochKeys() throws -> [UInt8]? {
        guard let text = try vault.settings.value(of: Self.epochKeysSetting) else { return nil }
        guard let data = Data(base64Encoded: text) else { throw VaultError.damaged("the keys of epochs") }
        return Array(data)
    }

    /// Replaces them.
    package func setEpochKeys(_ sealed: [UInt8]) throws {
        try vault.settings.set(Self.epochKeysSetting, to: Data(sealed).base64EncodedString())
    }

    /// Reads signed links as received, with seq above `seq`, in order.
    package func links(after seq: UInt64, limit: Int) throws -> [[UInt8]] {
        guard let seq = Int64(exactly: seq) else { return [] }
        return try vault.read { database in
            try Row.fetchAll(
                database, sql: "SELECT bytes FROM links WHERE seq > ? ORDER BY seq LIMIT ?", arguments: [seq, limit]
            ).map { try $0.bytes("bytes") }
        }
    }

    /// Counts the links that the circle has here; 0 if there is none.
    package func linkCount() throws -> UInt64 {
        try vault.read { UInt64(clamping: try Int64.fetchOne($0, sql: "SELECT MAX(seq) FROM links") ?? 0) }
    }

    /// Keeps the links up to `seq`, drops those above it, appends `links`, and drops entries that no longer count.
    ///
    /// - Parameter cutOffs: for devices, the last seq of theirs that counts.
    /// - Returns: what adapters here come to without those entries.
    @discardableResult
    package func replaceLinks(
        after seq: UInt64, with links: [(hash: LinkHash, bytes: [UInt8])], cutOffs: [DeviceID: UInt64]
    ) throws -> CutOffEffects {
        let (unused, effects): ([ChunkID], CutOffEffects) = try vault.write { database in
            try database.execute(
                sql: "DELETE FROM links WHERE seq > ?", arguments: [Int64(clamping: seq)])
            for (position, link) in links.enumerated() {
                try insertLink(database, seq: seq + UInt64(position + 1), link.hash, link.bytes)
            }
            guard !cutOffs.isEmpty else { return ([], CutOffEffects()) }
            var unused: [ChunkID] = []
            let effects = try CutOffEffects(database) {
                for (device, last) in cutOffs {
                    unused += try vault.entries.cutOff(database, device, after: Int64(clamping: last))
                }
            }
            return (unused, effects)
        }
        vault.chunks.remove(unused)
        return effects
    }

    /// True if this store is a device of a circle.
    static func isMember(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM identity)") ?? false
    }

    static func identity(_ database: Database) throws -> CircleIdentity? {
        guard let row = try Row.fetchOne(database, cached: "SELECT * FROM identity") else { return nil }
        return CircleIdentity(
            circle: try row.value("circle"), device: try row.value("device"), sealedKeys: try row.bytes("keys"),
            joined: try row.date("joined"))
    }

    private func insertLink(_ database: Database, seq: UInt64, _ hash: LinkHash, _ bytes: [UInt8]) throws {
        try database.execute(
            sql: "INSERT INTO links (seq, hash, bytes, received) VALUES (?, ?, ?, ?)",
            arguments: [Int64(clamping: seq), hash, Data(bytes), Timestamp.milliseconds(vault.now())])
    }
}
