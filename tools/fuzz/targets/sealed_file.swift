// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneCrypto
@testable import AttuneVault

/// A file sealed with a passphrase, one sealed for a device and the file of the newest entry, each changed in places:
/// whatever is changed, they do not open.
///
/// Input: which file, how many bytes are cut off, then places and what is added to the byte there.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    var reader = ByteReader(UnsafeRawBufferPointer(start: data, count: count))
    guard let choice: UInt8 = try? reader.bigEndian(), let cut: UInt8 = try? reader.bigEndian() else { return 0 }
    let original = files[Int(choice) % files.count]
    var bytes = Array(original.bytes.dropLast(Int(cut)))
    while let place: UInt16 = try? reader.bigEndian(), let change: UInt8 = try? reader.bigEndian() {
        // Beyond the end, bytes are added.
        if Int(place) < bytes.count { bytes[Int(place)] &+= change } else { bytes.append(change) }
    }
    do {
        let isSame = try bytes.withUnsafeBytes { try original.opens($0) }
        precondition(bytes == original.bytes && isSame, "a changed file opens")
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
        precondition(bytes != original.bytes, "a file does not open")
    }
    return 0
}

private struct Sealed: Sendable {
    let bytes: [UInt8]
    /// Throws if the bytes do not open, false if they open as something else.
    let opens: @Sendable (UnsafeRawBufferPointer) throws -> Bool
}

private let files: [Sealed] = {
    let payload = Array("what is handed on".utf8)
    let cheap = PassphraseCost(opslimit: 1, memlimit: 8192)
    let passphrase = Array("correct horse".utf8)
    let root = [UInt8](repeating: 5, count: 32)
    let id = DeviceID.zero
    let head = [UInt8](repeating: 8, count: 32)
    do {
        let device = try DeviceKeys.generate()
        let byPassphrase = try payload.withUnsafeBytes {
            try AttuneFile.seal($0, passphrase: SecretBytes(copying: passphrase), cost: cheap)
        }
        let byDevice = try payload.withUnsafeBytes { try AttuneFile.seal($0, devices: [device.publicKeys]) }
        var newest = ByteWriter()
        newest.append("ATHEAD01")
        newest.append(id.bytes)
        newest.bigEndian(UInt64(3))
        newest.append(head)
        let key = KeyDerivation.subkey(of: SecretBytes(copying: root), id: 3, context: "ATownhed")
        newest.append(BLAKE2b.hash(newest.bytes, key: key).bytes)
        return [
            Sealed(bytes: byPassphrase) { bytes in
                var reader = ByteReader(bytes)
                let header = try AttuneFileHeader(parsing: &reader, of: bytes)
                // What a hostile file may make a key cost is bounded, and still seconds.
                guard header.slots.allSatisfy({ $0.cost == cheap }) else { throw CryptoError.costOutOfRange }
                return try AttuneFile.open(bytes, passphrase: SecretBytes(copying: passphrase)) == payload
            },
            Sealed(bytes: byDevice) { try AttuneFile.open($0, device: device) == payload },
            Sealed(bytes: newest.bytes) { bytes in
                let file = OwnHeadFile(folder: StoreFolder(resolved: "/"), key: SecretBytes(copying: root))
                guard let position = file.position(Array(bytes), device: id) else { throw VaultError.notHere }
                return position.seq == 3 && position.hash.bytes == head
            },
        ]
    } catch {
        preconditionFailure("\(error)")
    }
}()
