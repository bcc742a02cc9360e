// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneCrypto

/// An exported `.attune` file, as far as it is read without deriving a key from a passphrase.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do {
        var reader = ByteReader(bytes)
        let header = try AttuneFileHeader(parsing: &reader, of: bytes)
        precondition(header.authenticatedBytes.elementsEqual(bytes[..<reader.offset]))
        precondition(header.slots.count <= AttuneFileHeader.passphraseLimit)
        for slot in header.slots { try slot.cost?.validate() }
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
    return 0
}
