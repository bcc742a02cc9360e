// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// Opens entries whose author the device chain has confirmed.
package struct EntryReader: Sendable {
    private let keyring: EpochKeyring

    package init(keyring: EpochKeyring) { self.keyring = keyring }

    /// What is sealed in an entry, checked against its kind and its chunks.
    ///
    /// - Throws: `CryptoError` E-KEY-043 (it does not open), `WireError` E-WIRE-003, E-WIRE-004 (newer), E-WIRE-012.
    package func payload(of entry: Entry) throws -> ProtoEntryPayload {
        guard let key = keyring[entry.epoch] else {
            throw CryptoError.epochRefused("without its key, an entry", epoch: entry.epoch)
        }
        let bytes = try key.open(payload: entry.sealed, header: entry.headerBytes)
        let payload = try ProtoEntryPayload(parsing: bytes, of: entry.kind)
        if case .version(let version) = payload.content {
            guard let length = Int(exactly: version.blob.encodedSize),
                ChunkSealer.chunkCount(length: length) == entry.chunks.count
            else { throw WireError.payload("a version has another count of chunks than its size says") }
        }
        return payload
    }
}
