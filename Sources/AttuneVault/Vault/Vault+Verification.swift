// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// Reads everything that is stored and reports what is not as it was: every page of the database that holds
    /// anything, and every chunk of every version and checkpoint (its id, its seal, and the digest of the whole).
    ///
    /// Damage does not end the check. The trash is checked too.
    ///
    /// - Parameter progress: told the count of blobs checked and of all blobs.
    package func verify(progress: (Int, Int) -> Void = { _, _ in }) throws -> VerificationReport {
        var report = VerificationReport()
        checkDatabase(&report)
        let versions: [VersionRecord]
        let runs: [(run: RunID, blob: BlobID)]
        do {
            versions = try read { try VersionTable.select($0, "TRUE", []) }
            runs = try read(RunTable.checkpoints)
        } catch let error as VaultError where error.isOfData {
            report.add(error, subject: "database")
            return report
        }
        let total = versions.count { $0.state != .remote && $0.state != .refused } + runs.count
        var chunksRead = 0
        for version in versions where version.state != .remote && version.state != .refused {
            report.check("\(version.reference)") {
                let blob = try self.read { try StoredBlob.fetch($0, id: version.blob) }
                let bytes = try self.chunks.load(blob) { chunksRead += 1 }
                guard try VersionTable.id(manifest: version.manifest, content: BlobContent(bytes)) == version.id else {
                    throw VaultError.damaged("the content is not what its id says")
                }
            }
            report.versions += 1
            progress(report.versions, total)
        }
        for (id, checkpoint) in runs {
            report.check("checkpoint of run \(id)") {
                let blob = try self.read { try StoredBlob.fetch($0, id: checkpoint) }
                _ = try self.chunks.load(blob) { chunksRead += 1 }
            }
            report.checkpoints += 1
            progress(report.versions + report.checkpoints, total)
        }
        report.chunks = chunksRead
        return report
    }

    /// Runs SQLite's own check on a connection that has no page in memory yet.
    private func checkDatabase(_ report: inout VerificationReport) {
        report.check("database") {
            do {
                let fresh = try self.freshConnection()
                defer { try? fresh.close() }
                try StoreDatabase.requireSound(fresh)
            } catch let error as DatabaseError {
                throw VaultError.database(error)
            }
        }
    }

    private func freshConnection() throws -> DatabaseQueue {
        try DatabaseQueue(path: folder.database, configuration: StoreDatabase.configuration(readonly: true))
    }
}

extension VerificationReport {
    fileprivate mutating func add(_ error: VaultError, subject: String) {
        problems.append(Problem(code: error.code, subject: subject, message: error.message))
    }

    /// Runs one check and notes its failure.
    fileprivate mutating func check(_ subject: String, _ body: () throws -> Void) {
        do {
            try body()
        } catch let error as VaultError {
            add(error, subject: subject)
        } catch {
            add(VaultError.failed("\(error)"), subject: subject)
        }
    }
}
