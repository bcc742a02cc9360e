// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static func chunkDamaged(id: Digest256) -> CryptoError {
        CryptoError(
            code: "E-SEAL-001", message: "chunk \(id.short) does not have the bytes that its id names",
            remedy: "Fetch it again from another device or a backup.", exitStatus: .invalidData)
    }

    static let blobLength = CryptoError(
        code: "E-SEAL-002", message: "the recorded length and the count of chunks of a blob disagree",
        remedy: "Fetch its record and chunks again from another device or a backup.", exitStatus: .invalidData)

    static func chunkRefused(index: Int) -> CryptoError {
        CryptoError(
            code: "E-SEAL-003", message: "chunk \(index) of a blob was changed, moved or sealed under another key",
            remedy: "Fetch it again from another device or a backup.", exitStatus: .invalidData)
    }

    static func malformedAttuneFile(_ reason: String) -> CryptoError {
        CryptoError(
            code: "E-SEAL-010", message: "not a whole .attune file: \(reason)",
            remedy: "Ask for the file again.", exitStatus: .invalidData)
    }

    static let wrongFilePassphrase = CryptoError(
        code: "E-SEAL-011", message: "the passphrase does not open this file",
        remedy: "Ask the sender for the passphrase of this file.", exitStatus: .wrongKey)

    static let fileWithoutPassphrase = CryptoError(
        code: "E-SEAL-012", message: "this file is sealed for somebody else and has no passphrase",
        remedy: "Ask the sender to seal it with a passphrase.", exitStatus: .wrongKey)

    static let attuneFileDamaged = CryptoError(
        code: "E-SEAL-013", message: "the key is right, but the file was changed or cut",
        remedy: "Ask for the file again.", exitStatus: .invalidData)

    static let fileForOthers = CryptoError(
        code: "E-SEAL-014", message: "this file is not sealed for this device",
        remedy: "Ask the sender to seal it for this device, or with a passphrase.", exitStatus: .wrongKey)

    static let tooManyRecipients = CryptoError(
        code: "E-SEAL-015", message: "a file is sealed for 1 to 32 devices",
        remedy: "Name fewer devices, or seal it with a passphrase.", exitStatus: .usage)

    static func spool(_ reason: String) -> CryptoError {
        CryptoError(
            code: "E-SEAL-020", message: "intermediate results cannot be kept on disk: \(reason)",
            remedy: "Free disk space, or do without them: --trunk-cache 0", exitStatus: .failure)
    }
}
