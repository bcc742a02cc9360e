// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// Where a secret comes from that does not open the store as it is now: a file, or what a person types.
package struct SecretSource: Sendable {
    private let file: String?
    private let canAsk: Bool
    private let prompt: String
    private let confirm: String?
    private let refusal: KitError

    /// - Parameters:
    ///   - file: nil asks at the terminal.
    ///   - canAsk: whether a person is there to be asked.
    ///   - prompt: what is asked.
    ///   - confirm: what is asked to have it typed once more; nil asks once.
    ///   - what: what is needed, for the refusal where nobody can be asked, such as `the new passphrase`.
    ///   - option: the option that names a file, for the same.
    package init(
        file: String?, canAsk: Bool, prompt: String, confirm: String? = nil, what: String, option: String
    ) {
        self.file = file
        self.canAsk = canAsk
        self.prompt = prompt
        self.confirm = confirm
        refusal = .passphraseRequired(what, option: option)
    }

    /// Reads a passphrase.
    ///
    /// - Throws: `KitError` E-KEY-032 if nobody can be asked; `CryptoError` E-FILE-003, E-KEY-020 to E-KEY-025.
    package func passphrase() throws -> SecretBytes {
        if let file { return try Passphrase.fromFile(file) }
        guard canAsk else { throw refusal }
        return try Passphrase.read(prompt: prompt, confirm: confirm)
    }

    /// Reads the 24 recovery words.
    ///
    /// - Throws: as `passphrase`; `CryptoError` E-KEY-010 to E-KEY-012.
    package func recoveryWords() throws -> RecoveryWords { try RecoveryWords(words: try passphrase()) }

    /// Reads a code or a token, which is one short line: of a file, or of standard input for `-`.
    ///
    /// - Returns: nil if there is nothing.
    /// - Throws: `CryptoError` E-FILE-003, E-KEY-022.
    package static func line(ofFile path: String) throws -> String? {
        do {
            return try line(path == "-" ? Passphrase.fromDescriptor(STDIN_FILENO) : Passphrase.fromFile(path))
        } catch let error as CryptoError where error.kind == .emptyPassphrase {
            return nil
        }
    }

    /// Reads a code or a token from an open descriptor.
    ///
    /// - Throws: `CryptoError` E-FILE-003, E-KEY-021, E-KEY-022.
    package static func line(ofDescriptor descriptor: Int32) throws -> String {
        try line(Passphrase.fromDescriptor(descriptor))
    }

    private static func line(_ bytes: borrowing SecretBytes) -> String {
        bytes.withUnsafeBytes { String(decoding: $0.prefix(256), as: UTF8.self) }
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

extension KeySource {
    /// Keeps secrets of this process away from core dumps, debuggers and other users; called once at the start.
    package static func protectProcess() { ProcessHardening.apply() }

    /// Drops what a person still types after a question for a secret that ended in a failure; else it does nothing.
    package static func dropTyped() { Passphrase.dropTyped() }
}
