// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension VaultError {
    // The store as a whole.

    static func noStore(_ path: String) -> VaultError {
        VaultError(
            code: "E-VAULT-001", message: "there is no store at \(path)", remedy: "Run: attune init",
            exitStatus: .noStore)
    }

    static func locked(_ path: String, by holder: String) -> VaultError {
        VaultError(
            code: "E-VAULT-002", message: "the store at \(path) is in use by \(holder)",
            remedy: "Wait until it has finished, or end it, then try again.", exitStatus: .storeLocked)
    }

    static func wrongKey(_ cause: any Error) -> VaultError {
        VaultError(
            code: "E-VAULT-003", message: "the key does not open this store",
            remedy: "Try the passphrase again, or run: attune key recover", exitStatus: .wrongKey, cause: cause)
    }

    static func otherFormat(found: String, known: Int) -> VaultError {
        VaultError(
            code: "E-VAULT-004",
            message: "the store has format \(found), and this program reads format \(known)",
            remedy: "Use the version of Attune that wrote it, or a newer one.", exitStatus: .failure)
    }

    private static let damage = "E-VAULT-005"
    /// The remedy of damage whose extent `attune doctor` tells.
    package static let lookUp = "Run: attune doctor"

    /// Whether what is stored here is not as it was stored.
    package var isDamage: Bool { code == Self.damage }

    static func damaged(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            code: damage, message: "the store is damaged: \(what)",
            remedy: lookUp, exitStatus: .invalidData, cause: cause)
    }

    static func full(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            code: "E-VAULT-006", message: "the disk has no room left: \(what); nothing was stored",
            remedy: "Free some space, or run: attune trash empty --all", exitStatus: .doesNotFit, cause: cause)
    }

    static func failed(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            code: "E-VAULT-007", message: what, remedy: "Run: attune doctor", exitStatus: .failure, cause: cause)
    }

    static func occupied(_ path: String, reason: String) -> VaultError {
        VaultError(
            code: "E-VAULT-008", message: "no store was made at \(path): \(reason)",
            remedy: "Choose another folder with --store.", exitStatus: .conflict)
    }

    static func networkFolder(_ path: String) -> VaultError {
        VaultError(
            code: "E-VAULT-009", message: "\(path) is on a network file system, where locks do not hold",
            remedy: "Choose a folder on a local disk with --store.", exitStatus: .usage)
    }

    static let readingOnly = VaultError(
        code: "E-VAULT-010", message: "the store was opened for reading only", remedy: nil, exitStatus: .failure)

    /// What is there is not the newest that this store was; nothing is done to it until a person decides.
    static func notNewest(_ what: String) -> VaultError {
        VaultError(
            code: "E-VAULT-005", message: "the store is damaged: \(what)",
            remedy: "Put the newer file back, or restore a backup: attune restore BACKUP --store NEWPATH. "
                + "To go on with what is there: attune doctor --accept-older",
            exitStatus: .invalidData)
    }

    static func foreignDatabase(_ cause: any Error) -> VaultError {
        damaged(
            "attune.db does not open with this store's key: its first page was changed, or it is another store's",
            cause: cause)
    }

    static let strayLog = VaultError(
        code: "E-VAULT-005",
        message: "the store is damaged: attune.db-wal is not the log of attune.db, which is the newest without it",
        remedy: "Let it be set aside as attune.db-wal.earlier: attune doctor --accept-older", exitStatus: .invalidData)

    static func damagedLog(frame: Int, of frames: Int) -> VaultError {
        VaultError(
            code: "E-VAULT-005",
            message:
                "the store is damaged: frame \(frame) of \(frames) of attune.db-wal, the log of its newest changes, "
                + "was changed, and without it the changes behind it are lost",
            remedy: "Restore a backup: attune restore BACKUP --store NEWPATH. "
                + "Or save what opens into a new store: attune doctor --repair NEWPATH",
            exitStatus: .invalidData)
    }

    /// Said beside a result, never thrown.
    static func unsettled(isFull: Bool, cause: any Error) -> VaultError {
        VaultError(
            code: "E-VAULT-011",
            message: "everything is stored, but the newest changes are still in attune.db-wal, because "
                + (isFull ? "the disk has no room for them in attune.db" : "attune.db could not be written"),
            remedy:
                "\(isFull ? "Free some space" : "Look after the disk"); until then attune.db alone is no copy of it.",
            exitStatus: .success, cause: cause)
    }

    /// Said beside a result, never thrown.
    static func unmarked(_ cause: VaultError) -> VaultError {
        VaultError(
            code: "E-VAULT-011", message: "everything is stored, but attune.mark was not written: \(cause.message)",
            remedy: "Make room or mend the disk; until then the loss of attune.db-wal would not be noticed.",
            exitStatus: .success, cause: cause)
    }

    // Names and versions.

    package static func noAdapter(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-020", message: "there is no adapter named \(name)",
            remedy: "Run: attune adapters list", exitStatus: .notFound)
    }

    static func nameTaken(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-021", message: "there is already an adapter named \(name)",
            remedy: "Choose another name.", exitStatus: .conflict)
    }

    static func invalidName(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-022", message: "\u{201C}\(name)\u{201D} cannot be a name",
            remedy: "Use up to 64 letters, digits, and . _ - with a letter or digit first; base and live are taken.",
            exitStatus: .usage)
    }

    static func noVersion(_ reference: String) -> VaultError {
        VaultError(
            code: "E-VAULT-023", message: "there is no version \(reference)",
            remedy: "Run: attune adapters versions \(reference.prefix { $0 != "@" && $0 != ":" })",
            exitStatus: .notFound)
    }

    static func invalidReference(_ text: String) -> VaultError {
        VaultError(
            code: "E-VAULT-024", message: "\u{201C}\(text)\u{201D} names no version",
            remedy: "Write NAME, NAME@3, NAME@-1 or NAME:LABEL.", exitStatus: .usage)
    }

    static func otherBase(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-025", message: "\(name) belongs to another base model",
            remedy: "Use its own base, or give the new adapter another name.", exitStatus: .conflict)
    }

    static func versionIsHead(_ reference: String) -> VaultError {
        VaultError(
            code: "E-VAULT-026", message: "\(reference) is the version in use",
            remedy:
                "Go back to another one first: attune adapters rollback NAME. Or remove all: attune adapters rm NAME",
            exitStatus: .conflict)
    }

    // Bytes of versions.

    static func badEncoding(_ reason: String) -> VaultError {
        VaultError(
            code: "E-VAULT-040", message: "the bytes of a version are not encoded as they should be: \(reason)",
            remedy: "Run: attune doctor", exitStatus: .invalidData)
    }

    /// E-MEMORY-003: the bytes of a version do not fit into memory.
    static func noMemory(_ bytes: Int) -> VaultError {
        VaultError(
            code: "E-MEMORY-003", message: "\(max(1, bytes >> 20)) MiB for the bytes of a version cannot be had",
            remedy: "End other programs, or raise the memory limit, and try again.", exitStatus: .doesNotFit)
    }

    static let notHere = VaultError(
        code: "E-VAULT-041", message: "the bytes of this version are on another device and were not fetched yet",
        remedy: "Run: attune sync now", exitStatus: .notFound)

    static let refusedContent = VaultError(
        code: "E-VAULT-042",
        message: "this version came from another device and holds numbers that no adapter may hold",
        remedy: "Remove it, or train it again where it was made.", exitStatus: .invalidData)

    // Sync.

    static let alreadyInCircle = VaultError(
        code: "E-VAULT-050", message: "this store is a device of a circle already",
        remedy: "See which: attune devices list", exitStatus: .conflict)

    package static let notInCircle = VaultError(
        code: "E-VAULT-051", message: "this store is no device of a circle",
        remedy: "Run: attune devices add, or attune devices join --relay URL", exitStatus: .notFound)

    static let notNext = VaultError(
        code: "E-VAULT-052", message: "an entry does not follow on the log of its device",
        remedy: "Run: attune sync now", exitStatus: .conflict)

    static func badVersion(_ reason: String) -> VaultError {
        VaultError(
            code: "E-VAULT-053", message: "a version from another device cannot be: \(reason)",
            remedy: "Look at the devices: attune devices list", exitStatus: .invalidData)
    }

    static func noPerson(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-054", message: "there is no person named \(name)", remedy: "Run: attune people list",
            exitStatus: .notFound)
    }

    package static func nothingReceived(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-055", message: "nothing named \(name) was received", remedy: "Run: attune people received",
            exitStatus: .notFound)
    }

    // Runs, chats, trash, undo.

    static func noRun(_ id: String) -> VaultError {
        VaultError(
            code: "E-VAULT-030", message: "there is no run \(id)", remedy: "Run: attune runs list",
            exitStatus: .notFound)
    }

    static func noChat(_ id: Int64) -> VaultError {
        VaultError(code: "E-VAULT-031", message: "there is no chat \(id)", remedy: nil, exitStatus: .notFound)
    }

    static func noDocument(_ digest: Digest256) -> VaultError {
        VaultError(
            code: "E-VAULT-032", message: "there is no document \(digest.short)", remedy: nil, exitStatus: .notFound)
    }

    static func notInTrash(_ name: String) -> VaultError {
        VaultError(
            code: "E-VAULT-033", message: "there is nothing named \(name) in the trash",
            remedy: "Run: attune trash", exitStatus: .notFound)
    }

    static let nothingToUndo = VaultError(
        code: "E-VAULT-034", message: "there is nothing to undo", remedy: nil, exitStatus: .notFound)

    static func cannotUndo(_ description: String, cause: any Error) -> VaultError {
        VaultError(
            code: "E-VAULT-035", message: "cannot undo: \(description)",
            remedy: "Mend what stands in the way, then undo again.", exitStatus: .conflict, cause: cause)
    }

    static let activeRun = VaultError(
        code: "E-VAULT-036", message: "the run is still running", remedy: "End it first.", exitStatus: .conflict)
}
