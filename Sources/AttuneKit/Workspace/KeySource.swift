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
    /// What was named; nil if nothing was.
    private let named: Place?
    private let canAsk: Bool
    private let keys: URL

    /// Somewhere that a passphrase is read from without asking a person.
    private enum Place {
        case descriptor(Int32)
        /// - Parameter variable: the variable that names it, if one does.
        case file(String, variable: String? = nil)
        /// - Parameter name: what a person calls it; the command itself may hold a secret.
        case command(String, name: String)

        func passphrase() throws -> SecretBytes {
            switch self {
            case .descriptor(let descriptor): try Passphrase.fromDescriptor(descriptor)
            case .file(let path, _): try Passphrase.fromFile(path)
            case .command(let command, _): try Passphrase.fromCommand(command)
            }
        }

        var description: String {
            switch self {
            case .descriptor(let descriptor): "from descriptor \(descriptor)"
            case .file(let path, let variable): "in \(path)" + (variable.map { " (\($0))" } ?? "")
            case .command(_, let name): "of \(name)"
            }
        }
    }

    package init(
        file: String?, descriptor: Int32?, command: String?, canAsk: Bool, keys: URL,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        let credential = environment["CREDENTIALS_DIRECTORY"].map { $0 + "/attune-key" }
        named =
            descriptor.map { .descriptor($0) } ?? file.map { .file($0) }
            ?? command.map { .command($0, name: "--key-command") }
            ?? environment["ATTUNE_KEY_FILE"].map { .file($0, variable: "ATTUNE_KEY_FILE") }
            ?? environment["ATTUNE_KEY_COMMAND"].map { .command($0, name: "ATTUNE_KEY_COMMAND") }
            ?? credential.flatMap { FileManager.default.fileExists(atPath: $0) ? .file($0) : nil }
        self.canAsk = canAsk
        self.keys = keys
    }

    /// The named key file, where other users of the machine may read it.
    package var exposedFile: String? {
        guard case .file(let path, _) = named, Passphrase.isExposed(path: path) else { return nil }
        return path
    }

    /// Opens something of an existing store with its passphrase.
    ///
    /// - Throws: `KitError` `E-KEY-030` if no source is given and nobody can be asked, and what `open` throws; a
    ///   `CryptoError` E-KEY-001 then names where the passphrase came from.
    package func unlocking<Value>(
        vaultID: [UInt8], _ open: (borrowing SecretBytes) throws -> Value
    ) throws -> Value {
        let made = madeFile(for: vaultID).path
        let place = named ?? (FileManager.default.fileExists(atPath: made) ? .file(made) : nil)
        guard let place else {
            guard canAsk else { throw KitError.keyRequired }
            return try open(try Passphrase.read(prompt: "Passphrase: "))
        }
        do {
            return try open(try place.passphrase())
        } catch let error as CryptoError where error.kind == .wrongPassphrase {
            throw CryptoError.wrongPassphrase(given: place.description)
        }
    }

    /// The passphrase for a new store; nil if none is given and nobody is asked, so that random words are to be kept.
    ///
    /// A named key file that does not exist is made, with random words in it.
    ///
    /// - Parameter beforeAsking: called where a person is about to be asked.
    package func newPassphrase(ask: Bool, beforeAsking: () -> Void = {}) throws -> SecretBytes? {
        if case .file(let path, _) = named, !FileManager.default.fileExists(atPath: path) {
            let words = Self.randomWords()
            try Self.keep(words, at: URL(filePath: path))
            return words
        }
        if let named { return try named.passphrase() }
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
    /// - Returns: where the file is now; nil if there was none to put aside.
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
