// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneCrypto

/// The header of an `.attune` file; what comes after it is authenticated before it is looked at.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do {
        var reader = ByteReader(bytes)
        let header = try AttuneFileHeader(parsing: &reader, of: bytes)
        precondition(header.authenticatedBytes.count == reader.offset && header.slots.count <= 4)
    } catch let error as any AttuneError {
        precondition(!error.code.isEmpty && error.remedy != nil)
    } catch {
        preconditionFailure("not an error of Attune: \(error)")
    }
    return 0
}
