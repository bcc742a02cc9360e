// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Who places and bytes are counted for: a device, a circle, or an address whose requests carry no signature that holds.
package struct Payer: Hashable, Sendable, CustomStringConvertible {
    /// Those who share with each other: a circle, or a network (an IPv4 /16, an IPv6 /48).
    enum Group: Hashable, Sendable {
        case circle(CircleID)
        case network(String)
    }
    enum Member: Hashable, Sendable {
        case device(DeviceID)
        case address(String)
        /// All devices of a circle together.
        case everyone
    }

    let group: Group
    let member: Member

    init(_ device: DeviceID, of circle: CircleID) {
        group = .circle(circle)
        member = .device(device)
    }

    init(_ circle: CircleID) {
        group = .circle(circle)
        member = .everyone
    }

    init(_ address: ClientAddress) {
        group = .network(address.network)
        member = .address(address.bucket)
    }

    /// This process itself.
    package static let here = Payer(ClientAddress("local"))

    var isDevice: Bool { if case .device = member { true } else { false } }

    /// The group's name, and that of the whole.
    var groupText: String {
        switch group {
        case .circle(let circle): "circle \(circle)"
        case .network(let network): "network \(network)"
        }
    }

    package var description: String {
        switch member {
        case .device(let device): "\(groupText) device \(device)"
        case .address(let address): "\(groupText) address \(address)"
        case .everyone: groupText
        }
    }
}
