// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static var noTerminal: CryptoError {
        CryptoError(
            .noTerminal, "a passphrase is needed, and there is no terminal to ask at",
            remedy: "Give it by a file, a descriptor or a command.")
    }

    static var emptyPassphrase: CryptoError {
        CryptoError(.emptyPassphrase, "the passphrase is empty", remedy: "Give at least one character.")
    }

    static var longPassphrase: CryptoError {
        CryptoError(
            .longPassphrase, "the passphrase is too long",
            remedy: "Give at most 64 KiB from a file, or 4096 bytes at the terminal.")
    }

    static var answersDiffer: CryptoError {
        CryptoError(.answersDiffer, "the two passphrases differ three times in a row", remedy: "Run the command again.")
    }

    /// Names what failed, but neither the command, which may hold a secret, nor its output.
    static func commandFailed(_ reason: String) -> CryptoError {
        CryptoError(
            .commandFailed, "the command for the passphrase gave none: \(reason)",
            remedy: "Run it by itself to see what it says.")
    }

    static var interrupted: CryptoError { CryptoError(.interrupted, "interrupted at the passphrase", remedy: nil) }
}
