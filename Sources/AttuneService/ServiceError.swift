// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneWire

extension RelayError {
    /// The circle is another one than this device's.
    static let unknownCircle = RelayError(
        .noCircle, 404, "this device serves its own circle only", remedy: "Check the address.")
    /// Entries were asked for without naming a device.
    static let oneDeviceOnly = RelayError(
        .malformed, 400, "the device whose entries are wanted is not named", remedy: "Update the client.")
    /// A chunk was sent that nobody asked for.
    static let unwantedChunk = RelayError(
        .noChunk, 404, "this device does not want the chunk", remedy: "Send the entry that names it first.")
}
