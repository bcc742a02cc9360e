// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Takes out of a store that was put together from pieces what does not hold together, and names it.
    ///
    /// - Parameter damage: what is wrong with chunks that could not be copied.
    func settleSalvaged(
        _ report: inout SalvageReport, _ damage: [ChunkID: String], _ progress: (BackupProgress) -> Void
    ) throws {
        let versions = try read {
            try VersionTable.select($0, "b.state IN (\(BlobState.here), \(BlobState.arrived))", [])
        }
        for (position, version) in versions.enumerated() {
            progress(BackupProgress(what: "checking versions", done: position + 1, total: versions.count))
            guard
                let loss = try loss(
                    of: version.blob, damage,
                    and: { bytes in
                        try VersionTable.id(manifest: version.manifest, content: BlobContent(bytes)) == version.id
                    })
            else {
                report.versions += 1
                continue
            }
            let subject = "\(version.reference)"
            let isElsewhere = try report.circle == .kept && isPublished(version, report)
            if isElsewhere, loss.lacksChunks {
                try write { try BlobTable.want($0, again: version.blob) }
                report.awaited.append(subject)
                continue
            }
            if loss.isLie {
                try blobs.judge(version, isSound: false)
            } else if try drop(version, andSayAgain: isElsewhere) {
                report.awaited.append(subject)
                continue
            }
            report.lost.append(.init(subject: subject, reason: loss.reason))
        }
        try settleCheckpoints(&report, damage)
        try settleReceived(&report, damage)
        try write { database in
            try Self.settleAbsent(database, &report)
            for change in try AdapterTable.mendHeads(database) where !report.tells(of: change.subject) {
                report.lost.append(change)
            }
            try self.trash.mend(database)
            try self.settleAdapters(database, &report)
        }
    }

    /// Has the circle's entries bring back what they say and the tables have lost, and names what none of them says.
    private static func settleAbsent(_ database: Database, _ report: inout SalvageReport) throws {
        func hasLost(_ names: Set<String>) -> Bool {
            report.tables.contains { names.contains($0.name) && $0.lostPages + $0.lostRows > 0 }
        }
        guard report.circle == .kept, hasLost(["adapters", "versions", "claims", "events"]) else { return }
        for version in try EventTable.absentVersions(database) where hasLost(["adapters", "versions"]) {
            let subject = "a version of \(version.name)"
            if try version.entries.filter({ try EntryTable.applyAgain(database, $0) }).isEmpty {
                try EventTable.forgetDrafts(database, of: version.id, in: version.adapter)
                report.lost.append(.init(subject: subject, reason: "its row is lost, and it was not published yet"))
            } else {
                report.awaited.append(subject)
            }
        }
        guard hasLost(["events"]) else { return }
        let count = try EntryTable.applyUnnotedAgain(database)
        if count > 0 { report.awaited.append(count == 1 ? "what an entry says" : "what \(count) entries say") }
    }

    /// Shows adapters whose rows are lost, or only there as they were earlier, as the circle's entries and what waits to be
    /// published say; names those of which nothing says what they were called.
    private func settleAdapters(_ database: Database, _ report: inout SalvageReport) throws {
        guard let table = report.tables.first(where: { $0.name == "adapters" }) else { return }
        let isLost = table.lostPages + table.lostRows > 0
        guard isLost || table.stalePages > 0 else { return }
        for adapter in try AdapterID.fetchAll(database, sql: "SELECT id FROM adapters ORDER BY seq") {
            if report.circle == .kept {
                if isLost { try adapters.showAsSaid(database, adapter) }
                try AdapterTable.advance(database, adapter)
            }
            let name = try AdapterTable.name(database, adapter) ?? ""
            if name.hasPrefix("recovered-"), isLost {
                report.lost.append(.init(subject: "the name of \(name)", reason: "its row is lost"))
            }
        }
    }

    private func isPublished(_ version: VersionRecord, _ report: SalvageReport) throws -> Bool {
        let knowsRemotes = !report.tables.contains { $0.name == "remote_marks" && $0.lostPages + $0.lostRows > 0 }
        return try read { try EventTable.isPublished($0, version, knowsRemotes: knowsRemotes) }
    }

    /// What is wrong with a blob.
    private struct Loss {
        let reason: String
        let state: BlobState
        /// Whether one of its chunks is not there or not right.
        let lacksChunks: Bool

        /// Whether its author announced these very chunks, and still not the bytes that they should be: the same would
        /// come again.
        var isLie: Bool { state == .arrived && !lacksChunks }
    }

    /// What is wrong with a blob; nil if it is whole.
    private func loss(
        of blob: BlobID, _ damage: [ChunkID: String], and isRight: ([UInt8]) throws -> Bool = { _ in true }
    ) throws -> Loss? {
        var state = BlobState.here
        do {
            let stored = try read { try StoredBlob.fetch($0, id: blob) }
            state = stored.state
            // What is right was copied and compared with its id then.
            if let reason = stored.chunks.lazy.compactMap({ damage[$0] }).first {
                return Loss(reason: reason, state: state, lacksChunks: true)
            }
            if try isRight(try chunks.load(stored)) { return nil }
            return Loss(reason: "the content is not what its id says", state: state, lacksChunks: false)
        } catch let error as VaultError where error.isOfData {
            return Loss(reason: error.defect, state: state, lacksChunks: false)
        }
    }

    /// Takes a version out.
    ///
    /// - Parameter says: has the next sync say it again by its entries, which name its chunks.
    /// - Returns: whether one of them is here.
    private func drop(_ version: VersionRecord, andSayAgain says: Bool) throws -> Bool {
        let (unused, isSaid): ([ChunkID], Bool) = try write { database in
            let entries = says ? try EventTable.entries(of: version, database) : []
            try EventTable.forgetDrafts(database, of: version.id, in: version.adapterID)
            // What would point at it can no longer be undone.
            try Journal.forgetReversals(database, subject: version.adapterID.description)
            let unused = try VersionTable.erase(database, version)
            return (unused, try !entries.filter { try EntryTable.applyAgain(database, $0) }.isEmpty)
        }
        chunks.remove(unused)
        return isSaid
    }

    private func settleCheckpoints(_ report: inout SalvageReport, _ damage: [ChunkID: String]) throws {
        for (run, blob) in try read(RunTable.checkpoints) {
            guard let loss = try loss(of: blob, damage) else { continue }
            report.lost.append(.init(subject: "checkpoint of run \(run)", reason: loss.reason))
            let unused: [ChunkID] = try write { database in
                try RunTable.loseCheckpoint(database, run)
                return try StoredBlob.release(database, id: blob)
            }
            chunks.remove(unused)
        }
    }

    private func settleReceived(_ report: inout SalvageReport, _ damage: [ChunkID: String]) throws {
        for (id, name, blob) in try read(ReceivedTable.contents) {
            guard let loss = try loss(of: blob, damage) else { continue }
            report.lost.append(.init(subject: "received \(name)", reason: loss.reason))
            let unused: [ChunkID] = try write { database in
                try ReceivedTable.erase(database, id)
                return try StoredBlob.release(database, id: blob)
            }
            chunks.remove(unused)
        }
    }
}
