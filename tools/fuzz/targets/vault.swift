// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// The key file of a vault, as far as it is read without a key; what is accepted is written back byte for byte.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do {
        let file = try VaultFile(parsing: bytes)
        precondition((1...16).contains(file.slots.count))
        precondition(file.encoded().elementsEqual(bytes), "another file is written back")
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
    return 0
}
