// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// A token that lets one circle be opened on a relay; the relay keeps its hash only.
package enum InviteToken {
    /// 26 letters and digits, 130 random bits.
    package static func make() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        var source = SystemRandomNumberGenerator()
        return String((0..<26).map { _ in alphabet[Int.random(in: 0..<32, using: &source)] })
    }

    static func hash(_ token: String) -> Digest256 { WireHash.blake2b(Array(token.utf8), personal: "AT-invite") }
}
