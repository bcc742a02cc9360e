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
    package func newPassphrase(ask: Bool) throws -> SecretBytes? {
        if descriptor == nil, let file, !FileManager.default.fileExists(atPath: file) {
            let words = Self.randomWords()
            try Self.keep(words, at: URL(filePath: file))
            return words
        }
        if let given = try given() { return given }
        guard ask && canAsk else { return nil }
        return try Passphrase.read(prompt: "New passphrase: ", confirm: "Once more: ")
    }

    /// Keeps random words for a store in its own key file and returns the file's path.
    package func keep(_ words: borrowing SecretBytes, vaultID: [UInt8]) throws -> String {
        let url = madeFile(for: vaultID)
        try Self.keep(words, at: url)
        return url.path
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
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KitError.cannotWriteKey(url.path) }
        defer { close(descriptor) }
        let written = words.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == words.count, fsync(descriptor) == 0 else { throw KitError.cannotWriteKey(url.path) }
    }
}
