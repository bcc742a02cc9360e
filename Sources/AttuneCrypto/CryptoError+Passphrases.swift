// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static let noTerminal = CryptoError(
        code: "E-KEY-020", message: "a passphrase is needed, and there is no terminal to ask at",
        remedy: "Give it by a file, a descriptor or a command.", exitStatus: .keyRequired)

    static let emptyPassphrase = CryptoError(
        code: "E-KEY-021", message: "the passphrase is empty", remedy: "Give at least one character.",
        exitStatus: .keyRequired)

    static let longPassphrase = CryptoError(
        code: "E-KEY-022", message: "the passphrase is too long",
        remedy: "Give at most 64 KiB from a file, or 4096 bytes at the terminal.", exitStatus: .usage)

    static let answersDiffer = CryptoError(
        code: "E-KEY-023", message: "the two passphrases differ three times in a row",
        remedy: "Run the command again.", exitStatus: .usage)

    /// Names what failed, but neither the command, which may hold a secret, nor its output.
    static func commandFailed(_ reason: String) -> CryptoError {
        CryptoError(
            code: "E-KEY-024", message: "the command for the passphrase gave none: \(reason)",
            remedy: "Run it by itself to see what it says.", exitStatus: .keyRequired)
    }

    static let interrupted = CryptoError(
        code: "E-KEY-025", message: "interrupted at the passphrase", remedy: nil, exitStatus: .interrupted)
}
