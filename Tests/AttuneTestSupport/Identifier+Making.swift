// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension Identifier {
    /// The id whose bytes are all `byte`.
    package static func filled(_ byte: UInt8) -> Self { made(Array(repeating: byte, count: Kind.byteCount)) }

    /// An id that nothing has.
    package static func random() -> Self { made(SyntheticDevice.random(Kind.byteCount)) }

    private static func made(_ bytes: [UInt8]) -> Self {
        guard let id = Self(bytes) else { preconditionFailure("an id of \(bytes.count) bytes") }
        return id
    }
}
