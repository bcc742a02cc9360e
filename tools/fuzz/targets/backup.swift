// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import Foundation

@testable import AttuneVault

/// What a backup says of itself: a manifest as it is, one whose first line the owner of the key wrote, a chunk list, and
/// the numbers of states.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    guard let choice = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch choice % 3 {
    case 0: precondition(BackupManifest.decoded(rest, key: key) == nil, "bytes that nobody signed are a manifest")
    case 1:
        let line = Array(rest.prefix { $0 != UInt8(ascii: "\n") })
        let mac = BLAKE2b.hash(line, key: KeyDerivation.subkey(of: key, id: 4, context: "ATbackup"))
        let file = line + Array("\n\(mac)\n".utf8)
        guard let manifest = BackupManifest.decoded(file, key: key) else { return 0 }
        precondition(manifest.files.reduce(manifest.chunkBytes) { $0 + $1.bytes } >= 0)
        guard let again = try? manifest.encoded(key: key) else { preconditionFailure("it is not written back") }
        precondition(BackupManifest.decoded(again, key: key) == manifest, "another manifest is written back")
        var changed = file
        changed[Int(rest.last ?? 0) % changed.count] ^= 1
        precondition(BackupManifest.decoded(changed, key: key) == nil, "a changed manifest is read")
    default:
        let ids = BackupContents.ids(in: rest)
        precondition(ids.flatMap(\.bytes) == Array(rest.prefix(rest.count / 32 * 32)), "other ids are read")
    }
    return 0
}

private let key = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
