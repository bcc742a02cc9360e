// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong with the store.
package enum VaultFailure: String, FailureKind {
    case noBackup = "E-BACKUP-001"
    case cannotBackUp = "E-BACKUP-002"
    case otherStoresBackup = "E-BACKUP-003"
    case backupDamaged = "E-BACKUP-004"
    case backupInUse = "E-BACKUP-005"
    case storeTooBusy = "E-BACKUP-006"
    case diskForgets = "E-BACKUP-007"
    case olderThanBackup = "E-BACKUP-008"
    case noMemory = "E-MEMORY-003"
    case noStore = "E-VAULT-001"
    case locked = "E-VAULT-002"
    case wrongKey = "E-VAULT-003"
    case otherFormat = "E-VAULT-004"
    case damaged = "E-VAULT-005"
    case full = "E-VAULT-006"
    case failed = "E-VAULT-007"
    case occupied = "E-VAULT-008"
    case networkFolder = "E-VAULT-009"
    case readingOnly = "E-VAULT-010"
    case unsettled = "E-VAULT-011"
    case savedInPart = "E-VAULT-012"
    case linked = "E-VAULT-013"
    case noAdapter = "E-VAULT-020"
    case nameTaken = "E-VAULT-021"
    case invalidName = "E-VAULT-022"
    case noVersion = "E-VAULT-023"
    case invalidReference = "E-VAULT-024"
    case otherBase = "E-VAULT-025"
    case versionIsHead = "E-VAULT-026"
    case noRun = "E-VAULT-030"
    case noChat = "E-VAULT-031"
    case noDocument = "E-VAULT-032"
    case notInTrash = "E-VAULT-033"
    case nothingToUndo = "E-VAULT-034"
    case cannotUndo = "E-VAULT-035"
    case activeRun = "E-VAULT-036"
    case badEncoding = "E-VAULT-040"
    case notHere = "E-VAULT-041"
    case refusedContent = "E-VAULT-042"
    case alreadyInCircle = "E-VAULT-050"
    case notInCircle = "E-VAULT-051"
    case notNext = "E-VAULT-052"
    case badVersion = "E-VAULT-053"
    case noPerson = "E-VAULT-054"
    case nothingReceived = "E-VAULT-055"

    package var summary: FailureSummary {
        switch self {
        case .noBackup: FailureSummary(.notFound, "there is no backup at this path, or it has no such state")
        case .cannotBackUp:
            FailureSummary(
                .conflict,
                "nothing can be backed up into this folder: it lies in a store or a backup, or holds something else")
        case .otherStoresBackup: FailureSummary(.conflict, "the folder is the backup of another store")
        case .backupDamaged: FailureSummary(.invalidData, "the backup is damaged")
        case .backupInUse: FailureSummary(.storeLocked, "another process is writing to the backup, or reads it")
        case .storeTooBusy:
            FailureSummary(
                .storeLocked, "the store removed chunks faster than they could be copied; no state was added")
        case .diskForgets: FailureSummary(.failure, "the disk does not give back what was written to it")
        case .olderThanBackup:
            FailureSummary(.conflict, "the store is older than what the backup has of it, or was used apart from it")
        case .noMemory: FailureSummary(.doesNotFit, "an adapter does not fit into memory")
        case .noStore: FailureSummary(.noStore, "there is no store at this path")
        case .locked: FailureSummary(.storeLocked, "another process is writing to the store")
        case .wrongKey: FailureSummary(.wrongKey, "the key does not open this store")
        case .otherFormat: FailureSummary(.failure, "the store has a format that this program does not know")
        case .damaged: FailureSummary(.invalidData, "the store is damaged, or its files are not the newest that it was")
        case .full: FailureSummary(.doesNotFit, "the disk is full; nothing was stored")
        case .failed: FailureSummary(.failure, "the system or the database refused something")
        case .occupied:
            FailureSummary(.conflict, "no store can be made here: the folder is in use, or lies in a store or a backup")
        case .networkFolder: FailureSummary(.usage, "the folder is on a network file system, where locks do not hold")
        case .readingOnly: FailureSummary(.failure, "a store that was opened for reading was to be changed")
        case .unsettled:
            FailureSummary(
                .success,
                "said beside a result: everything is stored, but the newest changes stay in the log, or the mark was not written"
            )
        case .savedInPart:
            FailureSummary(.partial, "what opens of a damaged store or backup was saved, and what is lost is listed")
        case .linked:
            FailureSummary(.conflict, "the store shares a file that it changes with another folder, by a hard link")
        case .noAdapter: FailureSummary(.notFound, "there is no adapter of this name")
        case .nameTaken: FailureSummary(.conflict, "there is already an adapter of this name")
        case .invalidName: FailureSummary(.usage, "this cannot be a name")
        case .noVersion: FailureSummary(.notFound, "there is no such version")
        case .invalidReference: FailureSummary(.usage, "this names no version")
        case .otherBase: FailureSummary(.conflict, "the adapter belongs to another base")
        case .versionIsHead: FailureSummary(.conflict, "the version is the one in use")
        case .noRun: FailureSummary(.notFound, "there is no such run")
        case .noChat: FailureSummary(.notFound, "there is no such chat")
        case .noDocument: FailureSummary(.notFound, "there is no such document")
        case .notInTrash: FailureSummary(.notFound, "there is nothing of this name in the trash")
        case .nothingToUndo: FailureSummary(.notFound, "there is nothing to undo")
        case .cannotUndo: FailureSummary(.conflict, "something stands in the way of undoing")
        case .activeRun: FailureSummary(.conflict, "the run is still running")
        case .badEncoding: FailureSummary(.invalidData, "the bytes of a version are not encoded as they should be")
        case .notHere:
            FailureSummary(.notFound, "the bytes of a version are on another device and were not fetched yet")
        case .refusedContent:
            FailureSummary(.invalidData, "a version from another device holds numbers that no adapter may hold")
        case .alreadyInCircle: FailureSummary(.conflict, "the store is a device of a circle already")
        case .notInCircle: FailureSummary(.notFound, "the store is no device of a circle")
        case .notNext: FailureSummary(.conflict, "an entry does not follow on the log of its device")
        case .badVersion: FailureSummary(.invalidData, "a version from another device cannot be")
        case .noPerson: FailureSummary(.notFound, "there is no person of this name")
        case .nothingReceived: FailureSummary(.notFound, "nothing of this name was received")
        }
    }
}

/// What can go wrong with the store.
package typealias VaultError = Failure<VaultFailure>
