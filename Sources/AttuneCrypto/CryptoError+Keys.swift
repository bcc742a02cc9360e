// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Glibc

extension CryptoError {
    static var wrongPassphrase: CryptoError {
        CryptoError(
            .wrongPassphrase, "the passphrase does not open this vault",
            remedy: "Try again, or use the recovery words: attune key recover")
    }

    /// - Parameter place: where the passphrase came from, such as `of --key-command`.
    package static func wrongPassphrase(given place: String) -> CryptoError {
        CryptoError(
            .wrongPassphrase, "the passphrase \(place) does not open this vault",
            remedy: "Give that of this vault: --key-file FILE; or use the recovery words: attune key recover")
    }

    static var wrongRecoveryWords: CryptoError {
        CryptoError(
            .wrongRecoveryWords, "the recovery words do not open this vault",
            remedy: "Check that they were written down for this vault.")
    }

    static var vaultFileDamaged: CryptoError {
        CryptoError(
            .vaultFileDamaged, "the key is right, but the vault file was changed or damaged",
            remedy: "Restore a backup: attune restore BACKUP --store NEWPATH")
    }

    static func malformedVaultFile(_ reason: String) -> CryptoError {
        CryptoError(
            .malformedVaultFile, "not a vault file of this version: \(reason)",
            remedy: "Restore a backup: attune restore BACKUP --store NEWPATH")
    }

    static var costOutOfRange: CryptoError {
        CryptoError(
            .costOutOfRange, "a key slot asks for a derivation cost that no vault of ours has",
            remedy: "Do not trust this file. Restore a backup: attune restore BACKUP --store NEWPATH")
    }

    static func notEnoughMemory(bytes: UInt64) -> CryptoError {
        CryptoError(
            .notEnoughMemory, "deriving the key needs \(Quantity.text(bytes: bytes)) of memory, which are not free",
            remedy: "Close other programs, or set the passphrase anew with the interactive cost.")
    }

    static var wrongVaultKey: CryptoError {
        CryptoError(
            .wrongVaultKey, "the key in memory is not the key of this vault file",
            remedy: "Lock the vault, unlock it and try again.")
    }

    static var tooManySlots: CryptoError {
        CryptoError(
            .tooManySlots, "the vault file already has 16 key slots",
            remedy: "Replace the passphrase or the recovery words instead of adding one.")
    }

    static func recoveryWordCount(_ count: Int) -> CryptoError {
        CryptoError(
            .recoveryWordCount, "there are \(count) recovery words, and 24 are needed",
            remedy: "Type all 24 words in their order, with spaces between them.")
    }

    /// Names the place and the nearest word of the list, but not what was typed.
    static func unknownRecoveryWord(position: Int, nearest: String) -> CryptoError {
        CryptoError(
            .unknownRecoveryWord, "recovery word \(position) is not in the list",
            remedy: "Did you mean \u{201C}\(nearest)\u{201D}?")
    }

    static var recoveryChecksum: CryptoError {
        CryptoError(
            .recoveryChecksum, "all recovery words are in the list, but their checksum does not match",
            remedy: "Check the order of the words, and each word against the paper.")
    }

    static func unreadableFile(_ path: String, errno code: Int32) -> CryptoError {
        CryptoError(
            .unreadableFile, "cannot read \(path): \(String(cString: strerror(code)))",
            remedy: "Check the path and its permissions.", exit: code == ENOENT ? .notFound : .failure)
    }
}

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
