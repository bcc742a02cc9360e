// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension BackupWriter {
    /// Copies the store's database of one moment under a database id of its own, and checks the copy.
    ///
    /// Pages of the backup and of the store can so never stand in for each other. The log of the copy is emptied.
    func copyDatabase(to staged: StoreFolder) throws {
        do {
            try SealedDatabase.create(path: staged.database, vaultKey: vault.key)
            let seal = try SealedDatabase(path: staged.database, vaultKey: vault.key, use: .alone)
            defer { withExtendedLifetime(seal) {} }
            let copy = try DatabaseQueue(path: staged.database, configuration: StoreDatabase.alone)
            defer { try? copy.close() }
            try vault.database.read { source in
                try copy.writeWithoutTransaction { target in
                    try source.backup(to: target)
                    try target.checkpoint(.truncate)
                }
            }
            try StoreDatabase.requireSound(copy)
            try copy.close()
        } catch let error as DatabaseError {
            throw VaultError.copying(error, into: folder)
        }
        unlink(staged.databaseLog)
        let damaged = try SealedDatabase.examine(path: staged.database, vaultKey: vault.key).damaged
        guard damaged.isEmpty else { throw VaultError.diskForgets(folder.path) }
    }

    /// Writes the rest of the state; returns the bytes of the database.
    func finish(_ staged: StoreFolder, number: Int, _ contents: BackupContents) throws -> Int {
        guard let keyFile = try DurableFile.read(vault.folder.keyFile, limit: 1 << 16) else {
            throw VaultError.noKeyFile(vault.folder)
        }
        var files = [
            (staged.keyFile, keyFile),
            ("\(staged.path)/\(BackupManifest.chunkList)", contents.chunks.flatMap(\.bytes)),
        ]
        if let (head, device) = contents.ownHead {
            files.append(
                (staged.ownHead, OwnHeadFile(folder: staged, key: vault.key.copy()).encoded(head, device: device)))
        }
        for (path, bytes) in files {
            try bytes.withUnsafeBytes { try DurableFile.write($0, to: path, staging: folder.staging + "/file") }
        }
        try DurableFile.sync(staged.database)
        let names = ["attune.db"] + files.map { URL(filePath: $0.0).lastPathComponent }
        let manifest = BackupManifest(
            format: BackupManifest.format, vault: Hex.encode(vaultID), state: number,
            made: Timestamp.milliseconds(vault.now()), layout: contents.layout, chunks: contents.chunks.count,
            chunkBytes: size(of: contents.chunks),
            files: try names.sorted().map { try BackupManifest.File($0, in: staged) })
        try manifest.encoded(key: vault.key).withUnsafeBytes {
            try DurableFile.write(
                $0, to: "\(staged.path)/\(BackupManifest.fileName)", staging: folder.staging + "/file")
        }
        try DurableFile.syncFolder(staged.path)
        return manifest.files.first { $0.name == "attune.db" }?.bytes ?? 0
    }

    /// Puts the key file of the new state into the earlier ones, which so open with nothing that has been replaced.
    ///
    /// Manifests stay as they are: the new one names the digest, and a run that ends in between is made up for by the
    /// next.
    func renewKeyFiles(from newest: StoreFolder) throws {
        guard let bytes = try DurableFile.read(newest.keyFile, limit: StoreKeyFile.sizeLimit) else { return }
        for number in folder.numbers {
            let state = folder.state(number)
            let isOther = (try? StoreKeyFile.read(state.keyFile)).map { $0.vaultID != vaultID } ?? false
            guard !isOther, (try? DurableFile.read(state.keyFile, limit: StoreKeyFile.sizeLimit)) != bytes else {
                continue
            }
            try bytes.withUnsafeBytes {
                try DurableFile.write($0, to: state.keyFile, staging: folder.staging + "/file")
            }
            try DurableFile.syncFolder(state.path)
        }
    }

    func place(_ staged: StoreFolder, as number: Int) throws {
        let place = folder.state(number).path
        guard rename(staged.path, place) == 0 else { throw VaultError.system("cannot make \(place)", errno: errno) }
        try DurableFile.syncFolder(folder.states)
    }
}
