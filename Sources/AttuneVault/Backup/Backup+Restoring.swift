// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

extension Backup {
    /// Makes a store at `path` of a state of the backup, every page, chunk and version checked before it appears there.
    ///
    /// Only what this state names is looked at; damage elsewhere in the backup is none of it.
    ///
    /// - Parameters:
    ///   - path: nothing, or an empty folder.
    ///   - state: the number of a state; nil for the newest.
    /// - Throws: `VaultError` E-VAULT-008 (something is there already), E-BACKUP-001 (no such state), E-BACKUP-004
    ///   (the state is damaged), E-VAULT-006 (disk full). Nothing is left at `path` then.
    @discardableResult
    package func restore(
        to path: String, state wanted: Int? = nil, progress: (BackupProgress) -> Void = { _ in }
    ) throws -> RestoreReport {
        let number = try number(wanted)
        let state = folder.state(number)
        progress(BackupProgress(what: "checking files", done: 0, total: 0))
        let (manifest, damage) = examineFiles(of: number)
        guard let manifest, damage.isEmpty else { throw damaged(number, damage.map(\.line), progress) }
        let list = try BackupContents.list(of: state, manifest)
        var report = RestoreReport(
            store: URL(filePath: path).standardizedFileURL.path, state: number, made: Timestamp.date(manifest.made))
        report.chunks = list.count
        report.bytes = manifest.files.reduce(manifest.chunkBytes) { $0 + $1.bytes }
        try Vault.placeStore(at: path) { store in
            let others = [BackupManifest.chunkList, BackupManifest.keyFileName]
            for file in manifest.files where !others.contains(file.name) {
                try self.copy(file, of: state, into: store, number, progress)
            }
            try StoreKeyFile.write(self.keyFile, in: store)
            let lost = try self.folder.chunkStore.copy(list, to: store) {
                progress(BackupProgress(what: "copying chunks", done: $0, total: list.count))
            }
            guard lost.isEmpty else {
                throw self.damaged(
                    number, try self.losses(of: number, with: lost), lost: Set(lost.keys), progress)
            }
            // Brings an older layout up to date, and writes what a store has beside its database.
            let vault = try Vault.open(
                store, vaultKey: self.key.copy(), lock: StoreLock(folder: store, command: "attune restore"),
                mode: .writing, now: self.now, accepting: true)
            let check = try vault.verify {
                progress(BackupProgress(what: "checking versions", done: $0, total: $1))
            }
            guard check.isWhole else {
                throw self.damaged(
                    number, check.problems.map { BackupDamage($0.subject, $0.message).line }, progress)
            }
            report.versions = check.versions
            report.isInCircle = try vault.circle.identity() != nil
            if report.isInCircle { try vault.syncLog.append(level: "info", remote: "", text: Self.remark(number)) }
            try vault.close()
        }
        return report
    }

    /// What the sync log of the new store says.
    static func remark(_ number: Int) -> String {
        "restored from state \(number) of a backup; what was published since comes back by syncing"
    }

    /// Copies a file that was compared with the manifest, and compares what was read then.
    private func copy(
        _ file: BackupManifest.File, of state: StoreFolder, into store: StoreFolder, _ number: Int,
        _ progress: (BackupProgress) -> Void
    ) throws {
        let target = "\(store.path)/\(file.name)"
        func refused(_ what: String) -> VaultError {
            damaged(number, [BackupDamage("states/\(number)/\(file.name)", what).line], progress)
        }
        guard file.name.wholeMatch(of: /[a-z][a-z.-]*/) != nil else { throw refused("a state has no such file") }
        try DurableFile.copy("\(state.path)/\(file.name)", to: target)
        guard try BLAKE2b.hash(file: target) == file.digest else { throw refused("it changed while it was read") }
    }

    /// Says what is wrong with a state, and proposes the newest other one that is whole, or what is left of this one.
    ///
    /// - Parameters:
    ///   - lost: chunks that are known not to be right.
    ///   - canBeSaved: false if nothing of this state opens.
    func damaged(
        _ number: Int, _ damage: [String], lost: Set<ChunkID> = [], canBeSaved: Bool = true,
        _ progress: (BackupProgress) -> Void
    ) -> VaultError {
        let place = ShellWord.quoted(folder.path)
        let whole = newestWholeState(besides: number, lost: lost, progress)
        var remedies =
            whole.map { ["Restore state \($0), the newest whole one: attune restore \(place) --state \($0)"] }
            ?? ["No \(folder.numbers.count > 1 ? "other " : "")state is whole"]
        if canBeSaved, DurableFile.size(folder.state(number).database) > 0 {
            remedies.append(
                "save what is whole of state \(number), where what is lost is named: "
                    + "attune restore \(place) --state \(number) --damaged")
        }
        remedies.append("see all that is damaged: attune backup --verify \(place)")
        return VaultError.backupDamaged(
            "state \(number): " + damage.prefix(20).joined(separator: "; ") + (damage.count > 20 ? "; …" : ""),
            remedy: remedies.joined(separator: "; "))
    }

    /// The newest state but one whose every file and chunk is right; nil if there is none.
    private func newestWholeState(
        besides number: Int, lost: Set<ChunkID>, _ progress: (BackupProgress) -> Void
    ) -> Int? {
        var (lost, right) = (lost, Set<ChunkID>())
        return folder.numbers.last { other in
            progress(BackupProgress(what: "looking for a whole state", done: 0, total: 0))
            guard other != number, case let (manifest?, damage) = examineFiles(of: other), damage.isEmpty,
                let list = try? BackupContents.list(of: folder.state(other), manifest), lost.isDisjoint(with: list)
            else { return false }
            return list.allSatisfy { id in
                if right.contains(id) { return true }
                guard folder.chunkStore.bytes(id) != nil else {
                    lost.insert(id)
                    return false
                }
                right.insert(id)
                return true
            }
        }
    }
}
