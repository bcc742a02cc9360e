// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// An entry as it comes from a relay, and a payload as it comes out of its seal.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    do {
        let entry = try Entry(parsing: bytes)
        precondition(entry.bytes == bytes && entry.seq >= 1 && entry.lamport >= entry.seq)
        precondition(entry.parents.count <= WireLimits.parents && entry.frontier[entry.device] == nil)
        precondition(entry.hash == Entry.hash(header: entry.headerBytes, sealed: entry.sealed))
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
    for kind in [ProtoEntryKind.version, .change, .share, .release] {
        do {
            let payload = try ProtoEntryPayload(parsing: bytes, of: kind)
            if case .version(let version) = payload.content {
                precondition(version.blob.size / WireLimits.blobRatio <= version.blob.encodedSize)
                precondition(version.blob.size <= WireLimits.blobBytes)
            }
        } catch {
            precondition(error is any AttuneError, "not an error of Attune: \(error)")
        }
    }
    return 0
}
