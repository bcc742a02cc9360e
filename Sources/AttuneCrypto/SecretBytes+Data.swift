// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

extension SecretBytes {
    /// Copies what another library gave and wipes it; `bytes` must have no other owner.
    init(consuming bytes: inout Data) {
        self.init(count: bytes.count)
        withUnsafeMutableBytes { _ = bytes.copyBytes(to: $0) }
        bytes.resetBytes(in: bytes.startIndex..<bytes.endIndex)
    }
}
