// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// One rescue of what opens of a store's files: rows first, then chunks, then what does not hold together goes.
struct StoreSalvage {
    /// The files of a damaged store, or of a state of a backup; they are only read.
    let source: StoreFolder
    let pages: SalvagedPages
    let keyFile: VaultFile
    let now: Vault.Clock
    /// What is noted in the sync log of the new store, if it is a device of the circle.
    var remark: String?

    /// Tables that have to be whole for the new store to go on as the same device.
    static let circleTables: Set<String> = [
        "identity", "links", "entries", "entry_heads", "events", "event_parents", "settings",
    ]

    /// Makes the new store at `path`; nothing is left there if that fails.
    func run(
        to path: String, key: borrowing SecretBytes, _ progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        var report = SalvageReport(store: URL(filePath: path).standardizedFileURL.path)
        report.pages = pages.count
        report.lostPages = pages.lost.sorted()
        report.stalePages = pages.stale.sorted()
        report.frames = pages.frames
        report.lostFrames = pages.lostFrames
        try Vault.placeStore(at: path) { store in
            try StoreKeyFile.write(keyFile, in: store)
            try fill(store, key: key, &report, progress)
        }
        return report
    }

    private func fill(
        _ store: StoreFolder, key: borrowing SecretBytes, _ report: inout SalvageReport,
        _ progress: (BackupProgress) -> Void
    ) throws {
        progress(BackupProgress(what: "reading rows", done: 0, total: 0))
        let circleIsWhole = try fillDatabase(of: store, key: key, &report)
        let ids = try BackupContents(of: store, key: key).chunks
        let damage = try ChunkStore(folder: source).copy(ids, to: store) {
            progress(BackupProgress(what: "copying chunks", done: $0, total: ids.count))
        }
        // One that does not open says as little as none.
        if circleIsWhole, let head = try? DurableFile.read(source.ownHead, limit: 4096) {
            try head.withUnsafeBytes {
                try DurableFile.write($0, to: store.ownHead, staging: store.staging + "/own-head")
            }
        }
        let vault = try Vault.open(
            store, vaultKey: key.copy(), lock: StoreLock(folder: store, command: "attune doctor"), mode: .writing,
            now: now)
        if try vault.circle.identity() != nil || !circleIsWhole {
            report.circle = circleIsWhole ? .kept : .left
            if !circleIsWhole { try vault.circle.forget() }
        }
        try vault.settleSalvaged(&report, damage, progress)
        if let remark, report.circle == .kept { try vault.syncLog.append(level: "info", remote: "", text: remark) }
        let check = try vault.verify()
        for problem in check.problems { report.lost.append(.init(subject: problem.subject, reason: problem.message)) }
        report.tables.removeAll { $0.rows == 0 && $0.lostPages == 0 && $0.lostRows == 0 }
        try vault.close()
    }
}
