// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB

extension CutOffEffects {
    /// Runs `cutOff` as part of a transaction and says what it did to adapters that a person has.
    init(_ database: Database, of cutOff: () throws -> Void) throws {
        self.init()
        let before = try Self.shelf(database)
        try cutOff()
        let after = try Self.shelf(database)
        for (id, old) in before.sorted(by: { ($0.value.name, $0.key) < ($1.value.name, $1.key) }) {
            guard let new = after[id] else {
                if !old.isTrashed { erased.append(old.name) }
                continue
            }
            if old.isTrashed, !new.isTrashed { restored.append(new.name) }
            guard !old.isTrashed else { continue }
            guard !new.isTrashed else {
                trashed.append(old.name)
                continue
            }
            if old.name != new.name { renamed.append("\(old.name) is \(new.name)") }
            for (row, version) in old.versions.sorted(by: { $0.key < $1.key }) where !version.isTrashed {
                guard let left = new.versions[row] else {
                    erased.append("\(old.name)@\(version.number)")
                    continue
                }
                if left.isTrashed { trashed.append("\(old.name)@\(version.number)") }
            }
            if old.head != new.head, let version = new.head.flatMap({ new.versions[$0] }) {
                pointed.append("\(new.name) at \(new.name)@\(version.number)")
            }
        }
    }

    /// Holds an adapter as a person has it.
    private struct Shelved {
        let name: String
        let isTrashed: Bool
        let head: Int64?
        let versions: [Int64: (number: Int, isTrashed: Bool)]
    }

    private static func shelf(_ database: Database) throws -> [AdapterID: Shelved] {
        let versions = try VersionTable.places(database)
        return try AdapterTable.rows(database).reduce(into: [:]) { result, row in
            let id = try row.value("id", as: AdapterID.self)
            result[id] = Shelved(
                name: try row.value("name"), isTrashed: try row.value("trashed"),
                head: try row.optional("head", as: Int64.self), versions: versions[id] ?? [:])
        }
    }
}

extension EntryTable {
    /// Tells what `replaceLinks` would come to that drops the entries of a device beyond one; changes nothing.
    package func cutOffEffects(of device: DeviceID, after seq: UInt64) throws -> CutOffEffects {
        try vault.write { database in
            var effects = CutOffEffects()
            try database.inSavepoint {
                effects = try CutOffEffects(database) {
                    _ = try cutOff(database, device, after: Int64(clamping: seq))
                }
                return .rollback
            }
            return effects
        }
    }
}
