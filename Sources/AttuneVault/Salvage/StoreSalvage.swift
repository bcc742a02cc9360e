// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// One run of `attune doctor --repair`: rows first, then chunks, then what does not hold together goes.
struct StoreSalvage {
    let source: StoreFolder
    let store: StoreFolder
    let pages: SalvagedPages
    let now: Vault.Clock

    /// Tables that have to be whole for the new store to go on as the same device.
    static let circleTables: Set<String> = [
        "identity", "links", "entries", "entry_heads", "events", "event_parents", "settings",
    ]

    func run(
        key: borrowing SecretBytes, _ start: SalvageReport, _ progress: (BackupProgress) -> Void
    ) throws -> SalvageReport {
        var report = start
        report.pages = pages.count
        report.lostPages = pages.lost.sorted()
        report.stalePages = pages.stale.sorted()
        report.frames = pages.frames
        report.lostFrames = pages.lostFrames
        progress(BackupProgress(what: "reading rows", done: 0, total: 0))
        let circleIsWhole = try fill(key: key, &report)
        let needed = try copyChunks(key: key, progress)
        if circleIsWhole, let head = try DurableFile.read(source.ownHead, limit: 4096) {
            try head.withUnsafeBytes {
                try DurableFile.write($0, to: store.ownHead, staging: store.staging + "/own-head")
            }
        }
        let vault = try Vault.open(
            store, vaultKey: key.copy(), lock: StoreLock(folder: store, command: "attune doctor"), mode: .writing,
            now: now)
        if try vault.circleIdentity() != nil || !circleIsWhole {
            report.circle = circleIsWhole ? .kept : .left
            if !circleIsWhole { try vault.forgetCircle() }
        }
        try vault.settleSalvaged(&report, needed, progress)
        let check = try vault.verify()
        for problem in check.problems { report.lost.append(.init(subject: problem.subject, reason: problem.message)) }
        report.tables.removeAll { $0.rows == 0 && $0.lostPages == 0 && $0.lostRows == 0 }
        try vault.close()
        return report
    }

    /// The bytes of a chunk file that was set aside; nil if there is none, or it is not what its id says.
    private static func bytes(at path: String?, _ id: ChunkID) -> [UInt8]? {
        guard let path, let bytes = try? DurableFile.read(path, limit: SealedChunk.byteCount),
            SealedChunk.id(of: bytes) == id
        else { return nil }
        return bytes
    }

    /// Copies the chunks that the database names and that are right; what is wrong with the others.
    private func copyChunks(
        key: borrowing SecretBytes, _ progress: (BackupProgress) -> Void
    ) throws -> [ChunkID: String] {
        let ids = try BackupContents(of: store, key: key).chunks
        let (from, to) = (ChunkStore(folder: source), ChunkStore(folder: store))
        let setAside = Dictionary(from.lost().map { ($0.id, $0.path) }, uniquingKeysWith: { first, _ in first })
        var damage: [ChunkID: String] = [:]
        for (position, id) in ids.enumerated() {
            do {
                let bytes: [UInt8]
                do { bytes = try from.checkedBytes(id) } catch {
                    guard let aside = Self.bytes(at: setAside[id], id) else { throw error }
                    bytes = aside
                }
                try to.copy(id, bytes, staging: store.staging)
                try DurableFile.sync(store.chunk(id))
            } catch let error as VaultError where error.isOfData {
                damage[id] = error.message.replacing("the store is damaged: ", with: "")
            }
            progress(BackupProgress(what: "copying chunks", done: position + 1, total: ids.count))
        }
        for name in BackupFolder.names(store.chunks) { try DurableFile.syncFolder("\(store.chunks)/\(name)") }
        try DurableFile.syncFolder(store.chunks)
        return damage
    }
}
