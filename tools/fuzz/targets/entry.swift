// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf

/// An entry as it comes from a relay, a header put into an entry as its author would, and a payload as it comes out of
/// its seal.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    check(bytes)
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    if var header = try? ProtoEntryHeader(serializedBytes: bytes, options: options) {
        header.version = Entry.version
        var signed = ProtoSignedEntry()
        signed.header = (try? header.serializedData()) ?? Data()
        signed.sealed = Data(count: WireLimits.leastPayload + 40)
        signed.signature = Data(count: 64)
        if let whole: [UInt8] = try? signed.serializedBytes() { check(whole) }
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

private func check(_ bytes: [UInt8]) {
    do {
        let entry = try Entry(parsing: bytes)
        precondition(entry.bytes == bytes && entry.seq >= 1 && entry.lamport >= entry.seq)
        precondition(entry.parents.count <= WireLimits.parents && entry.frontier[entry.device] == nil)
        precondition(entry.hash == Entry.hash(header: entry.headerBytes, sealed: entry.sealed))
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}
