// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension KitError {
    static var notACard: KitError {
        KitError(
            .notACard, "this is no card of a person",
            remedy: "Ask for the file that they made with: attune people card FILE")
    }

    /// `E-SHARE-002`: nobody compared the safety number yet.
    static func notConfirmed(_ name: String) -> KitError {
        KitError(
            .notConfirmed, "nobody has made sure yet that this circle is \(name)'s",
            remedy: "Compare the safety number: attune people confirm \(name)")
    }

    static func unknownRecipient(_ name: String) -> KitError {
        KitError(
            .unknownRecipient, "\(name) is neither a device of this circle nor a person",
            remedy: "See who is there: attune devices list, attune people list")
    }

    static var unknownSender: KitError {
        KitError(
            .unknownSender, "the file was made by a circle that is not known here",
            remedy: "Ask for the sender's card: attune people add CARD --name NAME")
    }

    static var wrongSignature: KitError {
        KitError(
            .wrongSignature,
            "the file was not signed by a device that belongs to its sender, or it was made for somebody else",
            remedy: "Ask the sender for a new card and a new file.")
    }

    /// `E-SHARE-006`: the digits typed are others than the safety number.
    package static func otherNumber(_ name: String) -> KitError {
        KitError(
            .otherNumber, "that is not the safety number of \(name)",
            remedy: "Do not share with this circle: ask \(name) for their card again, on another way.")
    }

    static var ownCard: KitError {
        KitError(.ownCard, "this is the card of your own circle", remedy: "Give it to others: your devices need none.")
    }
}
