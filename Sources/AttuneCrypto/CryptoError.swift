// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong with keys, seals and sealed formats.
package enum CryptoFailure: String, FailureKind {
    case codeShape = "E-CODE-001"
    case codeWord = "E-CODE-002"
    case exchangeRefused = "E-CODE-003"
    case codeDiffers = "E-CODE-004"
    case channelRefused = "E-CODE-005"
    case unreadableFile = "E-FILE-003"
    case wrongPassphrase = "E-KEY-001"
    case wrongRecoveryWords = "E-KEY-002"
    case vaultFileDamaged = "E-KEY-003"
    case malformedVaultFile = "E-KEY-004"
    case costOutOfRange = "E-KEY-005"
    case notEnoughMemory = "E-KEY-006"
    case wrongVaultKey = "E-KEY-007"
    case tooManySlots = "E-KEY-008"
    case recoveryWordCount = "E-KEY-010"
    case unknownRecoveryWord = "E-KEY-011"
    case recoveryChecksum = "E-KEY-012"
    case noTerminal = "E-KEY-020"
    case emptyPassphrase = "E-KEY-021"
    case longPassphrase = "E-KEY-022"
    case answersDiffer = "E-KEY-023"
    case commandFailed = "E-KEY-024"
    case interrupted = "E-KEY-025"
    case deviceKeysDamaged = "E-KEY-040"
    case envelopeRefused = "E-KEY-041"
    case sealingKeyRefused = "E-KEY-042"
    case epochRefused = "E-KEY-043"
    case deviceName = "E-KEY-044"
    case chunkDamaged = "E-SEAL-001"
    case blobLength = "E-SEAL-002"
    case chunkRefused = "E-SEAL-003"
    case malformedAttuneFile = "E-SEAL-010"
    case wrongFilePassphrase = "E-SEAL-011"
    case fileWithoutPassphrase = "E-SEAL-012"
    case attuneFileDamaged = "E-SEAL-013"
    case fileForOthers = "E-SEAL-014"
    case tooManyRecipients = "E-SEAL-015"
    case spool = "E-SEAL-020"

    package var summary: FailureSummary {
        switch self {
        case .codeShape: FailureSummary(.usage, "a pairing code is a number and three words")
        case .codeWord: FailureSummary(.usage, "a word is not one that pairing codes have")
        case .exchangeRefused:
            FailureSummary(.invalidData, "the other side of a pairing sent what no honest device sends")
        case .codeDiffers:
            FailureSummary(.wrongKey, "the code was typed differently on the two devices, or someone is in between")
        case .channelRefused: FailureSummary(.invalidData, "a message of a pairing was changed on its way")
        case .unreadableFile: FailureSummary(.failure, or: [.notFound], "a file cannot be read")
        case .wrongPassphrase: FailureSummary(.wrongKey, "the passphrase is wrong")
        case .wrongRecoveryWords:
            FailureSummary(.wrongKey, "the recovery words are those of another vault, or none were set")
        case .vaultFileDamaged: FailureSummary(.invalidData, "the key is right, but the vault file was changed")
        case .malformedVaultFile: FailureSummary(.invalidData, "this is no vault file of a known version")
        case .costOutOfRange:
            FailureSummary(.invalidData, "a key slot asks for a cost that only a hostile file asks for")
        case .notEnoughMemory: FailureSummary(.doesNotFit, "there is too little memory to derive the key")
        case .wrongVaultKey: FailureSummary(.wrongKey, "the key in memory is not that of this vault file")
        case .tooManySlots: FailureSummary(.conflict, "all 16 key slots are taken")
        case .recoveryWordCount: FailureSummary(.usage, "there are not 24 recovery words")
        case .unknownRecoveryWord: FailureSummary(.usage, "a recovery word is not in the list")
        case .recoveryChecksum: FailureSummary(.usage, "the checksum of the recovery words is wrong")
        case .noTerminal: FailureSummary(.keyRequired, "a passphrase is needed, and there is no terminal")
        case .emptyPassphrase: FailureSummary(.keyRequired, "the passphrase is empty")
        case .longPassphrase: FailureSummary(.usage, "the passphrase is too long")
        case .answersDiffer: FailureSummary(.usage, "the passphrase was typed differently three times")
        case .commandFailed: FailureSummary(.keyRequired, "the command for the passphrase failed")
        case .interrupted: FailureSummary(.interrupted, "interrupted at the passphrase")
        case .deviceKeysDamaged:
            FailureSummary(.invalidData, "the keys of this device do not open under the key of this store")
        case .envelopeRefused: FailureSummary(.invalidData, "a key that was sealed for this device does not open")
        case .sealingKeyRefused: FailureSummary(.invalidData, "the public sealing key of a device is not one")
        case .epochRefused:
            FailureSummary(.invalidData, "an entry, a device's name or the key of an earlier epoch does not open")
        case .deviceName: FailureSummary(.usage, "this cannot be the name of a device")
        case .chunkDamaged: FailureSummary(.invalidData, "a chunk does not have the bytes its id names")
        case .blobLength: FailureSummary(.invalidData, "a blob's length and its count of chunks disagree")
        case .chunkRefused: FailureSummary(.invalidData, "a chunk was changed, moved or sealed under another key")
        case .malformedAttuneFile: FailureSummary(.invalidData, "this is no whole `.attune` file")
        case .wrongFilePassphrase: FailureSummary(.wrongKey, "the passphrase does not open this file")
        case .fileWithoutPassphrase: FailureSummary(.wrongKey, "the file has no passphrase that opens it")
        case .attuneFileDamaged: FailureSummary(.invalidData, "the key is right, but the file was changed")
        case .fileForOthers: FailureSummary(.wrongKey, "the file is not sealed for this device")
        case .tooManyRecipients: FailureSummary(.usage, "a file for no device, or for more than 32")
        case .spool: FailureSummary(.failure, "intermediate results cannot be kept on disk; a run goes on without")
        }
    }
}

/// What can go wrong with keys, seals and sealed formats.
package typealias CryptoError = Failure<CryptoFailure>
