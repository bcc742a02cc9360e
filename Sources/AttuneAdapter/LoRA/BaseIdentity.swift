// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Which base an adapter belongs to.
package struct BaseIdentity: Codable, Hashable, Sendable {
    /// BLAKE2b-256 of the base's file (of all split files in order).
    package let id: Digest256
    /// The name people gave it, such as `smollm2`; for messages only.
    package let name: String
    package let shape: BaseShape

    package init(id: Digest256, name: String, shape: BaseShape) {
        self.id = id
        self.name = name
        self.shape = shape
    }
}
