// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a received message brought, beyond the messages that answer it.
package enum PairingEvent: Sendable {
    /// Both sides hold the same secret: show these words, they are the same on the other screen.
    case agreed(words: [String])
    /// New side: the circle that it is offered; go on with `answer`.
    case offered(ProtoPairingOffer)
    /// Old side: the device that wants to join; go on with `welcome` once it is in the chain.
    case answered(ProtoPairingAnswer)
    /// New side: the chain of links with this device in it; go on with `done`.
    case welcomed(ProtoPairingWelcome)
    /// Old side: the new device holds the chain up to this link.
    case finished(LinkHash)
}
