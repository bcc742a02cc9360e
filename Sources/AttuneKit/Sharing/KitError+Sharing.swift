// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension KitError {
    static let notACard = KitError(
        code: "E-SHARE-001", message: "this is no card of a person",
        remedy: "Ask for the file that they made with: attune people card FILE", exitStatus: .invalidData)

    /// `E-SHARE-002`: nobody compared the safety number yet.
    static func notConfirmed(_ name: String) -> KitError {
        KitError(
            code: "E-SHARE-002", message: "nobody has made sure yet that this circle is \(name)'s",
            remedy: "Compare the safety number: attune people confirm \(name)", exitStatus: .conflict)
    }

    static func unknownRecipient(_ name: String) -> KitError {
        KitError(
            code: "E-SHARE-003", message: "\(name) is neither a device of this circle nor a person",
            remedy: "See who is there: attune devices list, attune people list", exitStatus: .notFound)
    }

    static let unknownSender = KitError(
        code: "E-SHARE-004", message: "the file was made by a circle that is not known here",
        remedy: "Ask for the sender's card: attune people add CARD --name NAME", exitStatus: .notFound)

    static let wrongSignature = KitError(
        code: "E-SHARE-005",
        message: "the file was not signed by a device that belongs to its sender, or it was made for somebody else",
        remedy: "Ask the sender for a new card and a new file.", exitStatus: .invalidData)

    /// `E-SHARE-006`: the digits typed are others than the safety number.
    package static func otherNumber(_ name: String) -> KitError {
        KitError(
            code: "E-SHARE-006", message: "that is not the safety number of \(name)",
            remedy: "Do not share with this circle: ask \(name) for their card again, on another way.",
            exitStatus: .conflict)
    }

    static let ownCard = KitError(
        code: "E-SHARE-007", message: "this is the card of your own circle",
        remedy: "Give it to others: your devices need none.", exitStatus: .usage)
}
