// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// The identity of a base: BLAKE2b-256 of its file, or of all parts of a split one, first part first.
enum BaseDigest {
    static func hash(files: [String]) throws -> Digest256 {
        var state = BLAKE2b.Incremental()
        for path in files { try MappedFile(path: path).withBytes { state.update($0) } }
        return state.finish()
    }
}
