// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// The small file beside the database that remembers the newest entry this device ever published.
///
/// A database that alone was set back to a backup would give one place in the log to two entries; the file is ahead of
/// it then. Layout: `ATHEAD01` ‖ device 16 ‖ seq u64 ‖ entry hash 32 ‖ BLAKE2b-256 over all before, keyed by subkey 3
/// `ATownhed` of the vault key.
struct OwnHeadFile: ~Copyable {
    private static let magic = Array("ATHEAD01".utf8)
    private static let byteCount = 96

    private let folder: StoreFolder
    private let key: SecretBytes

    init(folder: StoreFolder, key: consuming SecretBytes) {
        self.folder = folder
        self.key = KeyDerivation.subkey(of: key, id: 3, context: "ATownhed")
    }

    /// What the file says of `device`; nil if it is not there, is damaged, or is about another device.
    func read(device: DeviceID) throws -> LogPosition? {
        try DurableFile.read(folder.ownHead, limit: Self.byteCount).flatMap { position($0, device: device) }
    }

    /// As `read(device:)` of the file's bytes.
    func position(_ bytes: [UInt8], device: DeviceID) -> LogPosition? {
        guard bytes.count == Self.byteCount,
            Array(bytes[..<8]) == Self.magic, DeviceID(bytes[8..<24]) == device,
            SecretBytes(copying: BLAKE2b.hash(Array(bytes[..<64]), key: key).bytes)
                .isEqual(to: SecretBytes(copying: Array(bytes[64...])))
        else { return nil }
        let seq = bytes[24..<32].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return EntryHash(bytes[32..<64]).map { LogPosition(seq: seq, hash: $0) }
    }

    /// The bytes of the file that says `position`.
    func encoded(_ position: LogPosition, device: DeviceID) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.append(device.bytes)
        writer.bigEndian(position.seq)
        writer.append(position.hash.bytes)
        writer.append(BLAKE2b.hash(writer.bytes, key: key).bytes)
        return writer.bytes
    }

    /// Replaces the file durably.
    func write(_ position: LogPosition, device: DeviceID) throws {
        let staging = folder.staging + "/own-head"
        unlink(staging)
        try encoded(position, device: device).withUnsafeBytes {
            try DurableFile.write($0, to: folder.ownHead, staging: staging)
        }
        try DurableFile.syncFolder(folder.path)
    }

    func remove() { unlink(folder.ownHead) }
}
