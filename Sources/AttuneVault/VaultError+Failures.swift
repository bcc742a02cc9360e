// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension VaultError {
    // The store as a whole.

    static func noStore(_ path: String) -> VaultError {
        VaultError(.noStore, "there is no store at \(path)", remedy: "Run: attune init")
    }

    static func locked(_ path: String, by holder: String) -> VaultError {
        VaultError(
            .locked, "the store at \(path) is in use by \(holder)",
            remedy: "Wait until it has finished, or end it, then try again.")
    }

    static func wrongKey(_ cause: any Error) -> VaultError {
        VaultError(
            .wrongKey, "the key does not open this store",
            remedy: "Try the passphrase again, or run: attune key recover", cause: cause)
    }

    static func otherFormat(found: String, known: Int) -> VaultError {
        VaultError(
            .otherFormat, "the store has format \(found), and this program reads format \(known)",
            remedy: "Use the version of Attune that wrote it, or a newer one.")
    }

    /// The remedy of damage whose extent `attune doctor` tells.
    package static var lookUp: String { "Run: attune doctor" }

    /// Whether what is stored here is not as it was stored.
    package var isDamage: Bool { kind == .damaged }

    /// What is wrong, to be said beside the name of what it is wrong with: the message without its first words.
    var defect: String {
        let start = ["the store is damaged: ", "the backup is damaged: "].first(where: message.hasPrefix) ?? ""
        return String(message.dropFirst(start.count))
    }

    static func damaged(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(.damaged, "the store is damaged: \(what)", remedy: lookUp, cause: cause)
    }

    static func full(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(
            .full, "the disk has no room left: \(what); nothing was stored",
            remedy: "Free some space, or run: attune trash empty --all", cause: cause)
    }

    /// A new store found no room: there is nothing in it yet that could make some.
    static func noRoom(at path: String, _ error: VaultError) -> VaultError {
        VaultError(
            .full, error.message, remedy: "Free some space on the disk of \(path), or choose another with --store.",
            cause: error.cause)
    }

    /// A full disk kept from happening what would have made room.
    static func noRoomToFree(_ path: String, cause: VaultError) -> VaultError {
        VaultError(
            .full, cause.message,
            remedy: "Free a few MiB on the disk of \(path) by other means, then run the same command again.",
            cause: cause.cause)
    }

    static func failed(_ what: String, cause: (any Error)? = nil) -> VaultError {
        VaultError(.failed, what, remedy: "Run: attune doctor", cause: cause)
    }

    static func occupied(_ path: String, reason: String) -> VaultError {
        VaultError(.occupied, "no store was made at \(path): \(reason)", remedy: "Choose another folder with --store.")
    }

    static func networkFolder(_ path: String) -> VaultError {
        VaultError(
            .networkFolder, "\(path) is on a network file system, where locks do not hold",
            remedy: "Choose a folder on a local disk with --store.")
    }

    /// A copy made of hard links: what one of the two changes, it changes in the other, which does not know.
    static func linked(_ file: String, of path: String) -> VaultError {
        let (store, linked) = (ShellWord.quoted(path), ShellWord.quoted(path + ".linked"))
        return VaultError(
            .linked,
            "\(file) of the store at \(path) is in another folder too (a hard link), and a change here would damage the "
                + "store there",
            remedy: "Give this store files of its own: mv \(store) \(linked) && cp -a \(linked) \(store). "
                + "Afterwards \(linked) can be removed.")
    }

    static var readingOnly: VaultError {
        VaultError(.readingOnly, "the store was opened for reading only", remedy: nil)
    }

    /// What is there is not the newest that this store was; nothing is done to it until a person decides.
    static func notNewest(_ what: String) -> VaultError {
        VaultError(
            .damaged, "the store is damaged: \(what)",
            remedy: "Put the newer file back, or restore a backup: attune restore BACKUP --store NEWPATH. "
                + "To go on with what is there: attune doctor --accept-older")
    }

    static func foreignDatabase(_ cause: any Error) -> VaultError {
        damaged(
            "attune.db does not open with this store's key: its first page was changed, or it is another store's",
            cause: cause)
    }

    static var strayLog: VaultError {
        VaultError(
            .damaged,
            "the store is damaged: attune.db-wal was changed, or is not the log of attune.db, which without it is "
                + "no older than what is known of it",
            remedy: "Save what opens of both into a new store: attune doctor --repair NEWPATH. Or, if the log is of "
                + "before, let it be set aside as attune.db-wal.earlier: attune doctor --accept-older")
    }

    static func damagedLog(frame: Int, of frames: Int) -> VaultError {
        VaultError(
            .damaged,
            "the store is damaged: frame \(frame) of \(frames) of attune.db-wal, the log of its newest changes, "
                + "was changed, and without it the changes behind it are lost",
            remedy: "Restore a backup: attune restore BACKUP --store NEWPATH. "
                + "Or save what opens into a new store: attune doctor --repair NEWPATH")
    }

    /// Said beside a result that is not all there: what was saved of a damaged store or of a state of a backup.
    ///
    /// - Parameters:
    ///   - source: what it was saved from, such as `the backup`.
    ///   - store: the folder of the new store.
    package static func savedInPart(_ source: String, to store: String) -> VaultError {
        VaultError(
            .savedInPart, "not all of \(source) could be saved; what is lost is listed",
            remedy: "Look at what is there: attune status --store \(ShellWord.quoted(store))")
    }

    /// Said beside a result, never thrown.
    static func unsettled(isFull: Bool, cause: any Error) -> VaultError {
        VaultError(
            .unsettled,
            "everything is stored, but the newest changes are still in attune.db-wal, because "
                + (isFull ? "the disk has no room for them in attune.db" : "attune.db could not be written"),
            remedy:
                "\(isFull ? "Free some space" : "Look after the disk"); until then attune.db alone is no copy of it.",
            cause: cause)
    }

    /// Said beside a result, never thrown.
    static func unmarked(_ cause: VaultError) -> VaultError {
        VaultError(
            .unsettled, "everything is stored, but attune.mark was not written: \(cause.message)",
            remedy: "Make room or mend the disk; until then the loss of attune.db-wal would not be noticed.",
            cause: cause)
    }

    // Names and versions.

    package static func noAdapter(_ name: String) -> VaultError {
        VaultError(.noAdapter, "there is no adapter named \(name)", remedy: "Run: attune adapters list")
    }

    static func nameTaken(_ name: String) -> VaultError {
        VaultError(.nameTaken, "there is already an adapter named \(name)", remedy: "Choose another name.")
    }

    static func invalidName(_ name: String) -> VaultError {
        VaultError(
            .invalidName, "\u{201C}\(name)\u{201D} cannot be a name",
            remedy: "Use up to 64 letters, digits, and . _ - with a letter or digit first; base and live are taken.")
    }

    static func noVersion(_ reference: String) -> VaultError {
        VaultError(
            .noVersion, "there is no version \(reference)",
            remedy: "Run: attune adapters versions \(reference.prefix { $0 != "@" && $0 != ":" })")
    }

    static func invalidReference(_ text: String) -> VaultError {
        VaultError(
            .invalidReference, "\u{201C}\(text)\u{201D} names no version",
            remedy: "Write NAME, NAME@3, NAME@-1 or NAME:LABEL.")
    }

    static func otherBase(_ name: String) -> VaultError {
        VaultError(
            .otherBase, "\(name) belongs to another base model",
            remedy: "Use its own base, or give the new adapter another name.")
    }

    static func versionIsHead(_ reference: String) -> VaultError {
        VaultError(
            .versionIsHead, "\(reference) is the version in use",
            remedy:
                "Go back to another one first: attune adapters rollback NAME. Or remove all: attune adapters rm NAME")
    }

    // Bytes of versions.

    static func badEncoding(_ reason: String) -> VaultError {
        VaultError(
            .badEncoding, "the bytes of a version are not encoded as they should be: \(reason)",
            remedy: "Run: attune doctor")
    }

    /// E-MEMORY-003: the bytes of a version do not fit into memory.
    static func noMemory(_ bytes: Int) -> VaultError {
        VaultError(
            .noMemory, "\(Quantity.text(bytes: bytes)) for the bytes of a version cannot be had",
            remedy: "End other programs, or raise the memory limit, and try again.")
    }

    static var notHere: VaultError {
        VaultError(
            .notHere, "the bytes of this version are on another device and were not fetched yet",
            remedy: "Run: attune sync now")
    }

    static var refusedContent: VaultError {
        VaultError(
            .refusedContent, "this version came from another device and holds numbers that no adapter may hold",
            remedy: "Remove it, or train it again where it was made.")
    }

    // Sync.

    static var alreadyInCircle: VaultError {
        VaultError(
            .alreadyInCircle, "this store is a device of a circle already", remedy: "See which: attune devices list")
    }

    package static var notInCircle: VaultError {
        VaultError(
            .notInCircle, "this store is no device of a circle",
            remedy: "Run: attune devices add, or attune devices join --relay URL")
    }

    static var notNext: VaultError {
        VaultError(.notNext, "an entry does not follow on the log of its device", remedy: "Run: attune sync now")
    }

    static func badVersion(_ reason: String) -> VaultError {
        VaultError(
            .badVersion, "a version from another device cannot be: \(reason)",
            remedy: "Look at the devices: attune devices list")
    }

    static func noPerson(_ name: String) -> VaultError {
        VaultError(.noPerson, "there is no person named \(name)", remedy: "Run: attune people list")
    }

    package static func nothingReceived(_ name: String) -> VaultError {
        VaultError(.nothingReceived, "nothing named \(name) was received", remedy: "Run: attune people received")
    }

    // Runs, chats, trash, undo.

    static func noRun(_ id: RunID) -> VaultError {
        VaultError(.noRun, "there is no run \(id)", remedy: "Run: attune runs list")
    }

    static func noChat(_ id: Int64) -> VaultError {
        VaultError(.noChat, "there is no chat \(id)", remedy: nil)
    }

    static func noDocument(_ digest: DocumentID) -> VaultError {
        VaultError(.noDocument, "there is no document \(digest.short)", remedy: nil)
    }

    static func notInTrash(_ name: String) -> VaultError {
        VaultError(.notInTrash, "there is nothing named \(name) in the trash", remedy: "Run: attune trash")
    }

    static var nothingToUndo: VaultError { VaultError(.nothingToUndo, "there is nothing to undo", remedy: nil) }

    static func cannotUndo(_ description: String, cause: any Error) -> VaultError {
        VaultError(
            .cannotUndo, "cannot undo: \(description)", remedy: "Mend what stands in the way, then undo again.",
            cause: cause)
    }

    /// What was to be undone is not the last change any more.
    static func anotherIsLast(_ description: String) -> VaultError {
        VaultError(
            .cannotUndo, "nothing was undone: the last change is another one now, \(description)",
            remedy: "Look at the changes: attune undo --list")
    }

    static var activeRun: VaultError { VaultError(.activeRun, "the run is still running", remedy: "End it first.") }
}
