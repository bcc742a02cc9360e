// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension BackupVerification {
    fileprivate mutating func note(_ subject: String, _ message: String) { note(BackupDamage(subject, message)) }

    fileprivate mutating func note(_ damage: BackupDamage) {
        problems.append(
            .init(
                code: VaultFailure.backupDamaged.rawValue, subject: ShownText.line(damage.subject),
                message: ShownText.line(damage.message)))
    }
}

/// One thing that is wrong with a backup.
struct BackupDamage {
    /// Such as `states/7/attune.db` or `state 7`.
    let subject: String
    /// What is wrong with it, without a full stop.
    let message: String

    init(_ subject: String, _ message: String) { (self.subject, self.message) = (subject, message) }

    var line: String { ShownText.line("\(subject): \(message)") }
}

extension Backup {
    /// Reads everything that the backup holds: every file of every state, every page, every chunk, and every version of
    /// the newest state.
    ///
    /// Damage does not end the check.
    package func verify(progress: (BackupProgress) -> Void = { _ in }) throws -> BackupVerification {
        var report = BackupVerification()
        report.states = folder.numbers
        checkMarker(&report)
        var lists: [Int: [ChunkID]] = [:]
        var intact: Set<Int> = []
        for number in report.states {
            let (manifest, damage) = examineFiles(of: number)
            for what in damage { report.note(what) }
            lists[number] = try? BackupContents.list(of: folder.state(number), manifest)
            if damage.isEmpty { intact.insert(number) }
        }
        let damage = checkChunks(Set(lists.values.joined()), &report, progress)
        var told: Set<ChunkID> = []
        for number in report.states.reversed() where intact.contains(number) {
            let before = report.problems.count
            let needed = Set(lists[number] ?? [])
            let lost = damage.filter { needed.contains($0.key) }
            told.formUnion(lost.keys)
            try checkContents(of: number, lost, list: lists[number] ?? [], &report, progress)
            guard report.problems.count == before else { continue }
            report.wholeStates.insert(number, at: 0)
            if report.made == nil {
                report.made = (try? BackupManifest.read(folder.state(number), key: key))?.map {
                    Timestamp.date($0.made)
                }
            }
        }
        for (id, what) in damage.sorted(by: { $0.key < $1.key }) where !told.contains(id) {
            report.note("chunks", what)
        }
        return report
    }

    private func checkMarker(_ report: inout BackupVerification) {
        guard let vaultID = try? Backup.keyFile(at: folder.path).vaultID else { return }
        let text = try? DurableFile.read(folder.marker, limit: 4096)
        if text.map({ $0 == Array(BackupFolder.markerText(vault: vaultID).utf8) }) != true {
            report.note("attune.backup", "it is missing or was changed; the next backup writes it again")
        }
    }

    /// Compares the files of a state with its manifest.
    ///
    /// - Returns: the manifest, if it is right, and what is wrong.
    func examineFiles(of number: Int) -> (manifest: BackupManifest?, damage: [BackupDamage]) {
        let state = folder.state(number)
        let place = "states/\(number)"
        guard let manifest = try? BackupManifest.read(state, key: key), manifest.state == number else {
            return (nil, [BackupDamage("\(place)/\(BackupManifest.fileName)", "it is missing or was changed")])
        }
        guard manifest.format == BackupManifest.format else {
            return (nil, [BackupDamage(place, "it has format \(manifest.format), which this program does not know")])
        }
        var damage: [BackupDamage] = []
        for file in manifest.files {
            guard let what = defect(of: file, in: state, number) else { continue }
            damage.append(BackupDamage("\(place)/\(file.name)", what))
        }
        return (manifest, damage)
    }

    /// What is wrong with a file of a state; nil if nothing is. One of another size is not read through.
    private func defect(of file: BackupManifest.File, in state: StoreFolder, _ number: Int) -> String? {
        if file.name == BackupManifest.keyFileName,
            let bytes = try? DurableFile.read(state.keyFile, limit: StoreKeyFile.sizeLimit),
            isKeyFile(BLAKE2b.hash(bytes), since: number)
        {
            return nil
        }
        let isDatabase = state.database.hasSuffix("/" + file.name)
        guard let bytes = try? BackupManifest.File.byteCount(of: file.name, in: state) else {
            return "it is missing or cannot be read"
        }
        guard bytes == file.bytes else {
            return "it has \(bytes) of \(file.bytes) bytes"
                + (isDatabase && bytes < file.bytes ? damagedPages(state) : "")
        }
        guard let found = try? BackupManifest.File(file.name, in: state) else {
            return "it is missing or cannot be read"
        }
        return found == file ? nil : "it was changed" + (isDatabase ? damagedPages(state) : "")
    }

    /// Whether this is the key file that opened the backup or that of a later state, which takes the place of earlier ones.
    private func isKeyFile(_ digest: Digest256, since number: Int) -> Bool {
        if digest == BLAKE2b.hash(keyFile.encoded()) { return true }
        return folder.numbers.contains { later in
            guard later > number, let manifest = try? BackupManifest.read(folder.state(later), key: key) else {
                return false
            }
            return manifest.keyFile == digest
        }
    }

    private func damagedPages(_ state: StoreFolder) -> String {
        guard let damaged = try? SealedDatabase.examine(path: state.database, vaultKey: key).damaged, !damaged.isEmpty
        else { return "" }
        return ": page \(damaged.prefix(10).map(String.init).joined(separator: ", "))\(damaged.count > 10 ? ", …" : "")"
    }

    /// Compares chunk files with their ids; what is wrong with those that are not right.
    private func checkChunks(
        _ ids: Set<ChunkID>, _ report: inout BackupVerification, _ progress: (BackupProgress) -> Void
    ) -> [ChunkID: String] {
        var damage: [ChunkID: String] = [:]
        for (position, id) in ids.sorted().enumerated() {
            do {
                _ = try folder.chunkStore.checkedBytes(id)
            } catch {
                damage[id] = (error as? VaultError)?.defect ?? "\(error)"
            }
            report.chunks += 1
            progress(BackupProgress(what: "reading chunks", done: position + 1, total: ids.count))
        }
        return damage
    }

    /// Looks into the database of a state: what the damaged chunks belong to, and whether the rest is what it says.
    private func checkContents(
        of number: Int, _ lost: [ChunkID: String], list: [ChunkID], _ report: inout BackupVerification,
        _ progress: (BackupProgress) -> Void
    ) throws {
        let place = "state \(number)"
        do {
            let damaged = try SealedDatabase.examine(path: folder.state(number).database, vaultKey: key).damaged
            guard damaged.isEmpty else { return report.note(place, "a page of the database does not open") }
            for what in try losses(of: number, with: lost) { report.note(place, what) }
            // Tables of an earlier program: its chunks were compared, and a restore brings it up to date first.
            guard try layout(of: number) == StoreSchema.format else { return }
            let contents = try BackupContents(of: folder.state(number), key: key)
            guard contents.chunks == list else {
                return report.note(place, "its chunk list is not that of its database")
            }
            guard number == report.states.last, lost.isEmpty else { return }
            let inside = try vault(number).verify {
                progress(BackupProgress(what: "reading versions", done: $0, total: $1))
            }
            report.versions = inside.versions
            for problem in inside.problems { report.note("\(place), \(problem.subject)", problem.message) }
        } catch let error as VaultError where error.isOfData {
            report.note(place, error.message)
        }
    }

    /// What a state has lost with these chunks and why, one sentence for each thing, without a full stop.
    func losses(of number: Int, with damage: [ChunkID: String]) throws -> [String] {
        guard !damage.isEmpty else { return [] }
        guard try layout(of: number) == StoreSchema.format else {
            return damage.sorted { $0.key < $1.key }.map(\.value)
        }
        return try BackupContents(of: folder.state(number), key: key).sentences(on: damage)
    }

    private func layout(of number: Int) throws -> Int {
        try vault(number).read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
    }
}
