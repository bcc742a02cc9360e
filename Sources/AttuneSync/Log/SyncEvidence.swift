// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Something that does not fit together: who said it, and about whose log.
package struct Suspicion: Hashable, Sendable {
    /// What was noticed.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Two entries signed by one device have one seq.
        case fork
        /// A remote says less of a log than it said before.
        case rollback
        /// A signed entry names an entry of another device that the remote does not show.
        case hidden
        /// A signed entry names another hash for an entry that is held.
        case contradiction
        /// Two valid links follow one link.
        case linkFork

        /// Whether no name moves by itself as long as it is open: only what the device did itself, or the remote.
        ///
        /// What one device says of another's log proves nothing against the other, and must not hold up everybody.
        package var stopsNames: Bool { self == .fork || self == .rollback }
    }

    package let kind: Kind
    /// The device whose signed word it is; nil if a remote's unsigned answer is all there is.
    package let author: DeviceID?
    /// Whose log it is about; the signer for links.
    package let subject: DeviceID
    package let seq: UInt64

    package init(_ kind: Kind, by author: DeviceID?, about subject: DeviceID, seq: UInt64) {
        self.kind = kind
        self.author = author
        self.subject = subject
        self.seq = seq
    }

    /// One sentence that names both devices.
    ///
    /// - Parameter name: what the reader calls a device.
    package func sentence(naming name: (DeviceID) -> String = { "device \($0.fingerprint)" }) -> String {
        let subject = name(subject)
        let author = author.map(name) ?? "another device"
        return switch kind {
        case .fork: "two entries of \(subject) have number \(seq), both signed by it"
        case .rollback: "a remote no longer shows entry \(seq) of \(subject)"
        case .hidden: "\(author) says that it has seen entry \(seq) of \(subject), which the remote does not show"
        case .contradiction: "\(author) says that entry \(seq) of \(subject) is another one than is here"
        case .linkFork: "the circle was changed on two devices at once, at link \(seq) by \(subject)"
        }
    }
}

/// A suspicion with the signed bytes that show it.
package struct SyncEvidence: Hashable, Sendable {
    package let suspicion: Suspicion
    /// The signed half that this device holds (a `SignedEntry` or `SignedLink`); empty if it holds none.
    package let held: [UInt8]
    /// The signed half that contradicts it; empty for a rollback, where the remote's answer was not signed.
    package let other: [UInt8]
    /// The remote that showed it.
    package let remote: String
    /// True once a person has looked at it, or it decided itself.
    package let isSettled: Bool

    package init(
        _ suspicion: Suspicion, held: [UInt8], other: [UInt8], remote: String, isSettled: Bool = false
    ) {
        self.suspicion = suspicion
        self.held = held
        self.other = other
        self.remote = remote
        self.isSettled = isSettled
    }
}
