// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// Where the passphrase of a store comes from; it is never taken from the arguments or from a variable's value.
///
/// Order: descriptor, file, command, `ATTUNE_KEY_FILE`, `ATTUNE_KEY_COMMAND`, the systemd credential `attune-key`,
/// the key file that `init --yes` made for this store, the terminal.
package struct KeySource: Sendable {
    private let file: String?
    private let descriptor: Int32?
    private let command: String?
    private let canAsk: Bool
    private let keys: URL
    private let environment: [String: String]

    package init(
        file: String?, descriptor: Int32?, command: String?, canAsk: Bool, keys: URL,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.file = file ?? environment["ATTUNE_KEY_FILE"]
        self.descriptor = descriptor
        self.command = command ?? environment["ATTUNE_KEY_COMMAND"]
        self.canAsk = canAsk
        self.keys = keys
        self.environment = environment
    }

    /// The named key file, where other users of the machine may read it.
    package var exposedFile: String? {
        guard descriptor == nil, let file, Passphrase.isExposed(path: file) else { return nil }
        return file
    }

    /// The passphrase of an existing store.
    ///
    /// - Throws: `KitError` `E-KEY-030` when no source is given and nobody can be asked.
    package func passphrase(vaultID: [UInt8]) throws -> SecretBytes {
        if let given = try given() { return given }
        let made = madeFile(for: vaultID)
        if FileManager.default.fileExists(atPath: made.path) { return try Passphrase.fromFile(made.path) }
        guard canAsk else { throw KitError.keyRequired }
        return try Passphrase.read(prompt: "Passphrase: ")
    }

    /// The passphrase for a new store; nil where none is given and nobody is asked, so that random words are to be kept.
    ///
    /// A named key file that does not exist is made, with random words in it.
    ///
    /// - Parameter beforeAsking: called where a person is about to be asked.
    package func newPassphrase(ask: Bool, beforeAsking: () -> Void = {}) throws -> SecretBytes? {
        if descriptor == nil, let file, !FileManager.default.fileExists(atPath: file) {
            let words = Self.randomWords()
            try Self.keep(words, at: URL(filePath: file))
            return words
        }
        if let given = try given() { return given }
        guard ask && canAsk else { return nil }
        beforeAsking()
        return try Passphrase.read(prompt: "New passphrase: ", confirm: "Once more: ")
    }

    /// Keeps random words for a store that is about to be made; the path of their file, for `adopt`.
    package func keepPending(_ words: borrowing SecretBytes) throws -> String {
        let url = keys.appending(path: "new-\(getpid())-\(UUID().uuidString).key")
        try Self.keep(words, at: url)
        return url.path
    }

    /// Makes a file of `keepPending` the key file of a store and returns its path.
    package func adopt(_ pending: String, vaultID: [UInt8]) throws -> String {
        let made = madeFile(for: vaultID).path
        guard rename(pending, made) == 0 else { throw KitError.cannotWriteKey(made) }
        NewFile.syncFolder(of: made)
        return made
    }

    /// Puts the key file that was made for a store aside, unless it holds the passphrase that now opens the store.
    ///
    /// Nobody would be asked for the new passphrase while the file is there.
    /// - Returns: where the file is now; nil where there was none to put aside.
    package func retireMade(vaultID: [UInt8], unless passphrase: borrowing SecretBytes) throws -> String? {
        let made = madeFile(for: vaultID).path
        guard FileManager.default.fileExists(atPath: made) else { return nil }
        if let held = try? Passphrase.fromFile(made), held.isEqual(to: passphrase) { return nil }
        guard rename(made, made + ".old") == 0 else { throw KitError.cannotWriteKey(made) }
        NewFile.syncFolder(of: made)
        return made + ".old"
    }

    /// Six random words, for a store whose passphrase nobody types.
    package static func randomWords() -> SecretBytes {
        var bytes = Array(Passphrase.suggestion().utf8)
        return SecretBytes(consuming: &bytes)
    }

    private func given() throws -> SecretBytes? {
        if let descriptor { return try Passphrase.fromDescriptor(descriptor) }
        if let file { return try Passphrase.fromFile(file) }
        if let command { return try Passphrase.fromCommand(command) }
        if let folder = environment["CREDENTIALS_DIRECTORY"] {
            let path = folder + "/attune-key"
            if FileManager.default.fileExists(atPath: path) { return try Passphrase.fromFile(path) }
        }
        return nil
    }

    private func madeFile(for vaultID: [UInt8]) -> URL { keys.appending(path: Hex.encode(vaultID) + ".key") }

    /// Writes words to a new file that only its owner can read.
    private static func keep(_ words: borrowing SecretBytes, at url: URL) throws {
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            try words.withUnsafeBytes { try NewFile.write($0, to: url.path) }
        } catch {
            throw KitError.cannotWriteKey(url.path, cause: error)
        }
    }
}
