// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import AttuneWire

/// The card of a person, and the links in it: what is taken is written back the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    for bytes in [bytes, Array("ATCARD01".utf8) + bytes] {
        do {
            let card = try PersonCard(parsing: bytes)
            let again = try PersonCard(parsing: card.bytes)
            precondition(again.chain == card.chain && again.bytes == card.bytes)
        } catch {
            precondition(error is any AttuneError, "not an error of Attune: \(error)")
        }
    }
    if let message = try? ProtoLinks(parsing: bytes) { precondition(message.links.count <= WireLimits.links) }
    return 0
}
