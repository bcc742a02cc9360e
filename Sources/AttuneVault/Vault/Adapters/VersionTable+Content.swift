// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Reads the bytes of versions, and gives them their ids.
extension VersionTable {
    /// Computes the id of a version: BLAKE2b-256 over the manifest's length (8 bytes, highest first), the manifest, the bytes.
    package static func id(manifest: String, content: BlobContent) throws -> VersionID {
        var hash = Self.hash(manifest)
        try content.pieces { hash.update($1) }
        return VersionID(hash.finish())
    }

    /// Starts the hash that is a version's id once its tensor bytes are in it too.
    static func hash(_ manifest: String) -> BLAKE2b.Incremental {
        var head = ByteWriter()
        let text = Array(manifest.utf8)
        head.bigEndian(UInt64(text.count))
        head.append(text)
        var hash = BLAKE2b.Incremental()
        hash.update(head.bytes)
        return hash
    }

    /// Reads the tensor bytes of a version, every chunk checked and opened.
    ///
    /// - Throws: `VaultError` E-VAULT-023 (no such version), E-VAULT-005 (damaged).
    package func bytes(_ id: VersionID) throws -> [UInt8] {
        try bytes(of: fetch(id: id))
    }

    /// Reads the tensor bytes of a version as this record has them, every chunk checked and opened.
    ///
    /// - Throws: `VaultError` E-VAULT-005 (damaged, or not what the version's id says).
    package func bytes(of record: VersionRecord) throws -> [UInt8] {
        let bytes = try vault.chunks.load(try vault.read { try StoredBlob.fetch($0, id: record.blob) })
        guard try Self.id(manifest: record.manifest, content: BlobContent(bytes)) == record.id else {
            throw VaultError.damaged("\(record.reference) is not what was stored")
        }
        return bytes
    }

    /// Hands over the bytes of a version that came from another device, in order, with little of them in memory at a
    /// time, and compares them with its id. What was handed over counts only once this returns.
    ///
    /// - Parameter largestRun: most bytes of one tensor of such a version.
    /// - Throws: `VaultError` E-VAULT-005 if a chunk is missing or was changed on this disk: `fetchAgain` mends it;
    ///   E-VAULT-040, E-VAULT-053 for what its author made otherwise than announced; E-MEMORY-003.
    package func arrivedBytes(
        _ version: VersionRecord, largestRun: Int, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let blob = try vault.read { try StoredBlob.fetch($0, id: version.blob) }
        var hash = Self.hash(version.manifest)
        try vault.chunks.read(blob, largestRun: largestRun) {
            hash.update($0)
            try sink($0)
        }
        guard VersionID(hash.finish()) == version.id else {
            throw VaultError.badVersion("\(version.reference) is not what its id says")
        }
    }
}
