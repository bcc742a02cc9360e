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

    static var wrongRecoveryWords: CryptoError {
        CryptoError(
            .wrongRecoveryWords, "the recovery words do not open this vault",
            remedy: "Check that they were written down for this vault.")
    }

    static var vaultFileDamaged: CryptoError {
        CryptoError(
            .vaultFileDamaged, "the key is right, but the vault file was changed or damaged",
            remedy: "Restore the vault file from a backup.")
    }

    static func malformedVaultFile(_ reason: String) -> CryptoError {
        CryptoError(
            .malformedVaultFile, "not a vault file of this version: \(reason)",
            remedy: "Restore the vault file from a backup.")
    }

    static var costOutOfRange: CryptoError {
        CryptoError(
            .costOutOfRange, "a key slot asks for a derivation cost that no vault of ours has",
            remedy: "Do not trust this file; restore it from a backup.")
    }

    static func notEnoughMemory(bytes: UInt64) -> CryptoError {
        CryptoError(
            .notEnoughMemory, "deriving the key needs \(bytes >> 20) MiB of memory, which are not free",
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
