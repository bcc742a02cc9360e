// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// The vault file: what parses is written again byte by byte.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do {
        let file = try VaultFile(parsing: bytes)
        precondition(file.encoded() == Array(bytes))
    } catch let error as any AttuneError {
        precondition(!error.code.isEmpty && error.remedy != nil)
    } catch {
        preconditionFailure("not an error of Attune: \(error)")
    }
    return 0
}
