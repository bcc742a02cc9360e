// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf

@testable import AttuneCrypto
@testable import AttuneSync

/// What a device of the circle may have sealed: a padded payload, a padded name, and an adapter's version or change.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    let padded = Array(bytes) + [UInt8](repeating: 0, count: (Padme.padded(max(256, count)) ?? count) - count)
    attempt {
        let sealed = padded.withUnsafeBytes {
            AEAD.seal($0, key: epoch.subkey("ATentry_"), associatedData: Array("attune/v1/entry\0".utf8), nonce: nonce)
        }
        let payload = try epoch.open(payload: sealed, header: [])
        precondition(epoch.seal(payload: payload, header: [], nonce: nonce) == sealed, "a second padding was taken")
    }
    attempt {
        let name = Array(padded.prefix(64))
        let sealed = name.withUnsafeBytes {
            AEAD.seal(
                $0, key: epoch.subkey("ATdvname"),
                associatedData: Array("attune/v1/dname\0".utf8) + DeviceID.zero.bytes, nonce: nonce)
        }
        let text = try epoch.open(name: sealed, device: .zero)
        precondition(EpochKey.isName(text) && text.utf8.elementsEqual(name.prefix(text.utf8.count)))
    }
    for (kind, entry) in entries {
        attempt {
            let payload = try ProtoEntryPayload(parsing: Array(bytes), of: kind)
            if case .version(let packet)? = try EntryPayloadCoding.decode(payload, of: entry) {
                precondition(packet.blob.size > 0 && packet.blob.encodedSize > 0)
            }
        }
    }
    return 0
}

private let epoch = EpochKey(epoch: 1, key: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
private let nonce = [UInt8](repeating: 9, count: 24)

private let entries = [ProtoEntryKind.version, .change, .share, .release].map { kind -> (ProtoEntryKind, Entry) in
    var header = ProtoEntryHeader()
    header.version = Entry.version
    header.kind = kind
    header.circle = Data(count: 32)
    header.device = Data(count: 16)
    header.seq = 1
    header.previous = Data(count: 32)
    header.epoch = 1
    header.lamport = 1
    if kind == .version || kind == .share { header.chunks = [Data(count: 32)] }
    if kind == .release { header.released = [Data(count: 32)] }
    var signed = ProtoSignedEntry()
    do {
        signed.header = try header.serializedData()
        signed.sealed = Data(count: WireLimits.leastPayload + 40)
        signed.signature = Data(count: 64)
        return (kind, try Entry(parsing: signed.serializedBytes()))
    } catch {
        preconditionFailure("\(error)")
    }
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}
