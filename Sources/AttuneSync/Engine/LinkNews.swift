// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire

/// What links that come from elsewhere say to a person: who came, who went, who was called what.
package enum LinkNews {
    /// A line for each link that changes whom one deals with, in order.
    ///
    /// - Parameters:
    ///   - device: this device, whose own changes are no news.
    package static func lines(
        of links: [Link], on device: DeviceID
    ) -> [(level: SyncLogLine.Level, text: String)] {
        links.compactMap { link in
            guard link.signer != device else { return nil }
            let signer = "device \(link.signer.fingerprint)"
            switch link.body.payload {
            case .add(let add):
                let new = DeviceID(add.device)
                return add.device.paper
                    ? (.alarm, "The circle has recovery words now: \(signer) made them.")
                    : (.warning, "Device \(new.fingerprint) is in the circle now: \(signer) let it in.")
            case .revoke(let revoke):
                let gone = revoke.revocations.compactMap { DeviceID($0.device)?.fingerprint }
                return (.warning, "Shut out of the circle by \(signer): \(gone.joined(separator: ", ")).")
            case .replaceWords:
                return (
                    .alarm,
                    "The recovery words of the circle were replaced by \(signer); the earlier ones open nothing that is made "
                        + "from now on."
                )
            case .rename(let rename):
                guard let named = DeviceID(rename.device), named != link.signer else { return nil }
                return (.alarm, "A name that \(signer) gave device \(named.fingerprint) does not count.")
            case .genesis, .epochKeys, nil: return nil
            }
        }
    }
}
