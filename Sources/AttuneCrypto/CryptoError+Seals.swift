// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static func chunkDamaged(id: ChunkID) -> CryptoError {
        CryptoError(
            .chunkDamaged, "chunk \(id.short) does not have the bytes that its id names",
            remedy: "Fetch it again from another device or a backup.")
    }

    static var blobLength: CryptoError {
        CryptoError(
            .blobLength, "the recorded length and the count of chunks of a blob disagree",
            remedy: "Fetch its record and chunks again from another device or a backup.")
    }

    static func chunkRefused(index: Int) -> CryptoError {
        CryptoError(
            .chunkRefused, "chunk \(index) of a blob was changed, moved or sealed under another key",
            remedy: "Fetch it again from another device or a backup.")
    }

    static func malformedAttuneFile(_ reason: String) -> CryptoError {
        CryptoError(.malformedAttuneFile, "not a whole .attune file: \(reason)", remedy: "Ask for the file again.")
    }

    static var wrongFilePassphrase: CryptoError {
        CryptoError(
            .wrongFilePassphrase, "the passphrase does not open this file",
            remedy: "Ask the sender for the passphrase of this file.")
    }

    static var fileWithoutPassphrase: CryptoError {
        CryptoError(
            .fileWithoutPassphrase, "this file is sealed for somebody else and has no passphrase",
            remedy: "Ask the sender to seal it with a passphrase.")
    }

    static var attuneFileDamaged: CryptoError {
        CryptoError(
            .attuneFileDamaged, "the key is right, but the file was changed or cut", remedy: "Ask for the file again.")
    }

    static var fileForOthers: CryptoError {
        CryptoError(
            .fileForOthers, "this file is not sealed for this device",
            remedy: "Ask the sender to seal it for this device, or with a passphrase.")
    }

    static var tooManyRecipients: CryptoError {
        CryptoError(
            .tooManyRecipients, "a file is sealed for 1 to 32 devices",
            remedy: "Name fewer devices, or seal it with a passphrase.")
    }

    static func spool(_ reason: String) -> CryptoError {
        CryptoError(
            .spool, "intermediate results cannot be kept on disk: \(reason)",
            remedy: "Free disk space, or do without them: --trunk-cache 0")
    }
}
