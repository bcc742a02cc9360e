// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Glibc

extension CryptoError {
    static let wrongPassphrase = CryptoError(
        code: "E-KEY-001", message: "the passphrase does not open this vault",
        remedy: "Try again, or use the recovery words: attune key recover", exitStatus: .wrongKey)

    static let wrongRecoveryWords = CryptoError(
        code: "E-KEY-002", message: "the recovery words do not open this vault",
        remedy: "Check that they were written down for this vault.", exitStatus: .wrongKey)

    static let vaultFileDamaged = CryptoError(
        code: "E-KEY-003", message: "the key is right, but the vault file was changed or damaged",
        remedy: "Restore the vault file from a backup.", exitStatus: .invalidData)

    static func malformedVaultFile(_ reason: String) -> CryptoError {
        CryptoError(
            code: "E-KEY-004", message: "not a vault file of this version: \(reason)",
            remedy: "Restore the vault file from a backup.", exitStatus: .invalidData)
    }

    static let costOutOfRange = CryptoError(
        code: "E-KEY-005", message: "a key slot asks for a derivation cost that no vault of ours has",
        remedy: "Do not trust this file; restore it from a backup.", exitStatus: .invalidData)

    static func notEnoughMemory(bytes: UInt64) -> CryptoError {
        CryptoError(
            code: "E-KEY-006", message: "deriving the key needs \(bytes >> 20) MiB of memory, which are not free",
            remedy: "Close other programs, or set the passphrase anew with the interactive cost.",
            exitStatus: .doesNotFit)
    }

    static let wrongVaultKey = CryptoError(
        code: "E-KEY-007", message: "the key in memory is not the key of this vault file",
        remedy: "Lock the vault, unlock it and try again.", exitStatus: .wrongKey)

    static let tooManySlots = CryptoError(
        code: "E-KEY-008", message: "the vault file already has 16 key slots",
        remedy: "Replace the passphrase or the recovery words instead of adding one.", exitStatus: .conflict)

    static func recoveryWordCount(_ count: Int) -> CryptoError {
        CryptoError(
            code: "E-KEY-010", message: "there are \(count) recovery words, and 24 are needed",
            remedy: "Type all 24 words in their order, with spaces between them.", exitStatus: .usage)
    }

    /// Names the place and the nearest word of the list, but not what was typed.
    static func unknownRecoveryWord(position: Int, nearest: String) -> CryptoError {
        CryptoError(
            code: "E-KEY-011", message: "recovery word \(position) is not in the list",
            remedy: "Did you mean \u{201C}\(nearest)\u{201D}?", exitStatus: .usage)
    }

    static let recoveryChecksum = CryptoError(
        code: "E-KEY-012", message: "all recovery words are in the list, but their checksum does not match",
        remedy: "Check the order of the words, and each word against the paper.", exitStatus: .usage)

    static func unreadableFile(_ path: String, errno code: Int32) -> CryptoError {
        CryptoError(
            code: "E-FILE-003", message: "cannot read \(path): \(String(cString: strerror(code)))",
            remedy: "Check the path and its permissions.", exitStatus: code == ENOENT ? .notFound : .failure)
    }
}
