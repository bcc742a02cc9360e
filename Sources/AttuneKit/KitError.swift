// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong in the use cases that join the parts.
package enum KitFailure: String, FailureKind {
    case otherBase = "E-ADAPTER-020"
    case nameOfOtherBase = "E-ADAPTER-021"
    case unreadableManifest = "E-ADAPTER-022"
    case notComparable = "E-ADAPTER-023"
    case severalAdapters = "E-ADAPTER-024"
    case notInTrash = "E-ADAPTER-025"
    case oneHead = "E-ADAPTER-026"
    case noLosses = "E-ADAPTER-027"
    case weights = "E-ADAPTER-028"
    case foreignVersion = "E-ADAPTER-029"
    case refusedArrival = "E-ADAPTER-030"
    case importNameTaken = "E-ADAPTER-031"
    case noBase = "E-BASE-001"
    case baseMissing = "E-BASE-002"
    case baseNameTaken = "E-BASE-003"
    case baseChanged = "E-BASE-004"
    case baseKnownAs = "E-BASE-005"
    case baseRecordDamaged = "E-BASE-006"
    case unknownPull = "E-BASE-007"
    case pullFailed = "E-BASE-008"
    case wrongContent = "E-BASE-009"
    case cannotCopy = "E-BASE-010"
    case severalBases = "E-BASE-012"
    case otherShape = "E-BASE-013"
    case inOtherCircle = "E-DEVICE-002"
    case noDevice = "E-DEVICE-003"
    case severalDevices = "E-DEVICE-004"
    case revokesItself = "E-DEVICE-005"
    case otherRecoveryWords = "E-DEVICE-007"
    case noRecoveryWords = "E-DEVICE-008"
    case notAnAddress = "E-DEVICE-009"
    case remote = "E-DEVICE-011"
    case linksDiffer = "E-DEVICE-012"
    case circleMoved = "E-DEVICE-013"
    case otherDeletion = "E-DEVICE-014"
    case deviceNameTaken = "E-DEVICE-015"
    case nameInDoubt = "E-DEVICE-016"
    case wordsNeedAgreement = "E-DEVICE-017"
    case cannotWrite = "E-FILE-010"
    case notAnAdapter = "E-FILE-011"
    case nothingThere = "E-FILE-012"
    case keyRequired = "E-KEY-030"
    case cannotWriteKey = "E-KEY-031"
    case passphraseRequired = "E-KEY-032"
    case contextDoesNotFit = "E-MEMORY-001"
    case limitTooLow = "E-MEMORY-002"
    case tooLargeToFetch = "E-MEMORY-004"
    case badName = "E-NAME-001"
    case notResumable = "E-RUN-001"
    case noCheckpoint = "E-RUN-002"
    case runsApart = "E-RUN-003"
    case notACard = "E-SHARE-001"
    case notConfirmed = "E-SHARE-002"
    case unknownRecipient = "E-SHARE-003"
    case unknownSender = "E-SHARE-004"
    case wrongSignature = "E-SHARE-005"
    case otherNumber = "E-SHARE-006"
    case ownCard = "E-SHARE-007"
    case storeExists = "E-STORE-001"
    case noStoreYet = "E-STORE-002"
    case noSuchLayer = "E-TRAIN-020"

    package var summary: FailureSummary {
        switch self {
        case .otherBase: FailureSummary(.conflict, "the adapter was trained on another base")
        case .nameOfOtherBase: FailureSummary(.conflict, "the name belongs to an adapter of another base")
        case .unreadableManifest: FailureSummary(.invalidData, "the manifest of a version cannot be read")
        case .notComparable: FailureSummary(.conflict, "two adapters of different bases cannot be compared")
        case .severalAdapters:
            FailureSummary(.usage, or: [.notFound], "no adapter was named, and there is not exactly one")
        case .notInTrash: FailureSummary(.notFound, "nothing of that name is in the trash")
        case .oneHead: FailureSummary(.conflict, "there is one head, so there is nothing to resolve")
        case .noLosses: FailureSummary(.conflict, "no head was ever measured")
        case .weights: FailureSummary(.usage, "another count of weights than of versions")
        case .foreignVersion: FailureSummary(.invalidData, "a version that was made elsewhere is refused")
        case .refusedArrival: FailureSummary(.invalidData, "a version that came by sync has tensors that are none")
        case .importNameTaken:
            FailureSummary(
                .conflict, "an import is to become a new adapter, and its name is taken or looks as if it were")
        case .noBase: FailureSummary(.notFound, "there is no base of this name")
        case .baseMissing: FailureSummary(.notFound, "the base of an adapter is not on this machine")
        case .baseNameTaken: FailureSummary(.conflict, "another base has this name")
        case .baseChanged: FailureSummary(.invalidData, "the file of a base is no longer the one that was added")
        case .baseKnownAs: FailureSummary(.conflict, "the file is already here under another name")
        case .baseRecordDamaged: FailureSummary(.invalidData, "the record of a base cannot be read")
        case .unknownPull: FailureSummary(.notFound, "no base of this name can be fetched")
        case .pullFailed: FailureSummary(.network, "a base could not be fetched")
        case .wrongContent: FailureSummary(.invalidData, "what was fetched does not have the expected SHA-256")
        case .cannotCopy: FailureSummary(.doesNotFit, "a base could not be copied")
        case .severalBases: FailureSummary(.usage, "there are several bases, and none was named")
        case .otherShape:
            FailureSummary(.invalidData, "an adapter claims a base that is here, but was made for other matrices")
        case .inOtherCircle: FailureSummary(.conflict, "the store is in a circle with other devices already")
        case .noDevice: FailureSummary(.notFound, "no device has this name")
        case .severalDevices: FailureSummary(.usage, "several devices have this name, or names that look the same")
        case .revokesItself: FailureSummary(.usage, "a device would revoke itself")
        case .otherRecoveryWords: FailureSummary(.wrongKey, "these are not the recovery words of the circle")
        case .noRecoveryWords: FailureSummary(.conflict, "recovery words are needed, and the circle has none")
        case .notAnAddress: FailureSummary(.usage, "this is no address")
        case .remote: FailureSummary(.network, "a relay cannot be used")
        case .linksDiffer: FailureSummary(.conflict, "a relay or a file has another history of the circle's devices")
        case .circleMoved: FailureSummary(.conflict, "another device changed the circle in the meantime")
        case .otherDeletion: FailureSummary(.wrongKey, "the confirmation of a second device is for something else")
        case .deviceNameTaken: FailureSummary(.conflict, "another device has this name, or one that looks the same")
        case .nameInDoubt:
            FailureSummary(.conflict, "a name is new or was another device's, and nobody can be asked which is meant")
        case .wordsNeedAgreement:
            FailureSummary(
                .keyRequired, "the recovery words can end only with their own agreement or a second device's")
        case .cannotWrite: FailureSummary(.failure, or: [.conflict, .doesNotFit], "a file cannot be written")
        case .notAnAdapter:
            FailureSummary(.invalidData, "a file or folder that is to be imported holds no adapter of Attune")
        case .nothingThere: FailureSummary(.notFound, "there is nothing at a path that was given")
        case .keyRequired: FailureSummary(.keyRequired, "the store needs its passphrase, and nobody can be asked")
        case .cannotWriteKey: FailureSummary(.failure, "the key file cannot be written")
        case .passphraseRequired:
            FailureSummary(
                .keyRequired,
                "a passphrase other than the store's, or the recovery words, are needed, and nobody can be asked")
        case .contextDoesNotFit: FailureSummary(.doesNotFit, "a prompt and its answer do not fit into memory")
        case .limitTooLow: FailureSummary(.doesNotFit, "`--memory-limit` is below the least that answering takes")
        case .tooLargeToFetch:
            FailureSummary(.doesNotFit, "a version of another device is larger than what is fetched by itself")
        case .badName: FailureSummary(.usage, "this cannot be the name of a base or an adapter")
        case .notResumable: FailureSummary(.conflict, "the run is in a state from which it does not go on")
        case .noCheckpoint: FailureSummary(.notFound, "the run has no saved state to accept")
        case .runsApart:
            FailureSummary(
                .conflict,
                "runs that cannot go on in the same passes: of the same adapter, or with another base or precision")
        case .notACard: FailureSummary(.invalidData, "this is no card of a person")
        case .notConfirmed: FailureSummary(.conflict, "the safety number was not compared yet")
        case .unknownRecipient: FailureSummary(.notFound, "neither a device of the circle nor a person")
        case .unknownSender: FailureSummary(.notFound, "a file of a circle that is not known")
        case .wrongSignature:
            FailureSummary(.invalidData, "a file that its sender did not sign, or that is for somebody else")
        case .otherNumber: FailureSummary(.conflict, "another safety number")
        case .ownCard: FailureSummary(.usage, "the card of the own circle")
        case .storeExists: FailureSummary(.conflict, "a store would be made where there is one")
        case .noStoreYet: FailureSummary(.noStore, "there is no store yet")
        case .noSuchLayer: FailureSummary(.usage, "a layer that the base does not have")
        }
    }
}

/// What can go wrong in the use cases that join the parts.
package typealias KitError = Failure<KitFailure>
