// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB

extension VaultError {
    static func noBackup(_ path: String) -> VaultError {
        VaultError(
            .noBackup, "there is no backup at \(path)",
            remedy: "Check the path; a backup is made with: attune backup PATH")
    }

    static func noState(_ number: Int, there: [Int], in path: String) -> VaultError {
        VaultError(
            .noBackup,
            "the backup at \(path) has no state \(number); it has "
                + (there.isEmpty ? "none" : there.map(String.init).joined(separator: ", ")),
            remedy: "See what is there: attune backup --verify \(ShellWord.quoted(path))")
    }

    static func cannotBackUp(to path: String, _ reason: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            .cannotBackUp, "no backup was made at \(path): \(reason)",
            remedy: "Choose an empty folder outside of the store, or that of an earlier backup.", cause: cause)
    }

    static func otherStoresBackup(_ path: String) -> VaultError {
        VaultError(
            .otherStoresBackup, "the folder \(path) is the backup of another store",
            remedy: "Choose a folder of its own for each store.")
    }

    /// What is in the backup would go in favour of what is older.
    static func olderThanBackup(_ path: String, state: Int, of day: String) -> VaultError {
        let place = ShellWord.quoted(path)
        return VaultError(
            .olderThanBackup,
            "the store does not go on from state \(state) of \(path), which has a change of \(day): it is an earlier "
                + "copy, one that was used apart, or what was saved of a damaged one",
            remedy: "Back up the newer store, or this one into another folder. If this is the one to go on with: "
                + "attune backup \(place) --accept-older; what the backup has that is newer stays there")
    }

    static func backupDamaged(_ what: String, remedy: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(.backupDamaged, "the backup is damaged: \(what)", remedy: remedy, cause: cause)
    }

    static func backupInUse(_ path: String) -> VaultError {
        VaultError(
            .backupInUse, "another process is writing to the backup, or reads it: \(path)",
            remedy: "Wait until it has finished, then try again."
        )
    }

    static var storeTooBusy: VaultError {
        VaultError(
            .storeTooBusy, "the store removed chunks faster than they could be copied",
            remedy: "Try again when less is written to it; the earlier backup is whole.")
    }

    /// What was written does not come back.
    static func diskForgets(_ path: String) -> VaultError {
        VaultError(
            .diskForgets, "the disk of \(path) does not give back what was written to it",
            remedy: "Use another disk; the earlier backup was not touched.")
    }

    /// The store has lost something that the backup would need.
    static func notBackedUp(_ damage: [String]) -> VaultError {
        VaultError(
            .damaged,
            "the store is damaged, and no new state was added to the backup: "
                + damage.prefix(20).joined(separator: "; ") + (damage.count > 20 ? "; …" : ""),
            remedy: "Save what opens into a new store: attune doctor --repair NEWPATH")
    }

    /// A failure to write into the backup.
    static func backupFull(_ folder: BackupFolder, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            .full,
            "the disk of \(folder.path) has no room left; "
                + (folder.numbers.isEmpty ? "nothing was backed up" : "what was backed up before is whole"),
            remedy: "Free some space there, or choose another folder.", cause: cause)
    }

    /// The system refuses what has to be written into a backup.
    static func cannotWrite(_ folder: BackupFolder, _ error: VaultError) -> VaultError {
        VaultError(
            .failed, error.message,
            remedy: "See that \(folder.path) and what is in it may be written by you, or choose another folder.",
            cause: error.cause)
    }

    /// What a failed copy of the database into a backup means.
    static func copying(_ error: DatabaseError, into folder: BackupFolder) -> VaultError {
        let isFull = { DurableFile.isDiskFull(probing: folder.staging + "/probe") }
        switch database(error, isDiskFull: isFull) {
        case let known where known.kind == .full: return backupFull(folder, cause: known.cause)
        case let known: return known
        }
    }
}
