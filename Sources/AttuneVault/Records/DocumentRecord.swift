// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// One of the person's own texts; it never leaves this device.
package struct DocumentRecord: Sendable, Equatable {
    /// BLAKE2b-256 of the UTF-8 bytes of the text.
    package let digest: DocumentID
    /// File name or path it came from when it was first put in.
    package let name: String
    /// Count of UTF-8 bytes.
    package let bytes: Int
    package let added: Date
}
