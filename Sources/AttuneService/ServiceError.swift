// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay

extension RelayError {
    /// The circle is another one than this device's.
    static let unknownCircle = RelayError(
        "E-RELAY-006", 404, "this device serves its own circle only", remedy: "Check the address.", exit: .notFound)
    /// Entries were asked for without naming a device.
    static let oneDeviceOnly = RelayError(
        "E-RELAY-001", 400, "the device whose entries are wanted is not named", remedy: "Update the client.",
        exit: .invalidData)
    /// A chunk was sent that nobody asked for.
    static let unwantedChunk = RelayError(
        "E-RELAY-017", 404, "this device does not want the chunk", remedy: "Send the entry that names it first.",
        exit: .notFound)
}
