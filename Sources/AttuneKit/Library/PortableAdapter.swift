// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import Foundation

/// An adapter with its manifest, as it is put into one encrypted `.attune` file.
///
/// Plaintext inside the file: `ATADAPT1`, u32 length of the manifest, the manifest as JSON, the safetensors bytes.
package struct PortableAdapter {
    package let adapter: Adapter
    package let manifest: AdapterManifest

    package init(adapter: Adapter, manifest: AdapterManifest) {
        self.adapter = adapter
        self.manifest = manifest
    }

    private static let magic = "ATADAPT1"
    private static let largestManifest: UInt32 = 16 << 20

    /// Writes the file; one that is there is never replaced.
    ///
    /// - Throws: `KitError` `E-FILE-010` when something is at `path` or it cannot be written.
    package func seal(to path: String, passphrase: borrowing SecretBytes) throws {
        let sealed = try encoded().withUnsafeBytes { try AttuneFile.seal($0, passphrase: passphrase) }
        try NewFile.write(sealed, to: path)
    }

    /// Opens a file that `seal` wrote.
    ///
    /// - Throws: `CryptoError` for a wrong passphrase or a changed file, `KitError` `E-FILE-011` for other content,
    ///   `AdapterError` for tensors that do not match their manifest.
    package static func open(_ path: String, passphrase: borrowing SecretBytes) throws -> PortableAdapter {
        let plain = try MappedFile(path: path).withBytes { try AttuneFile.open($0, passphrase: passphrase) }
        return try plain.withUnsafeBytes { try PortableAdapter(encoded: $0, from: path) }
    }

    /// The plaintext of the file.
    func encoded() throws -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.magic)
        let json = try JSON.stored(manifest)
        writer.bigEndian(UInt32(json.utf8.count))
        writer.append(json)
        writer.append(adapter.encoded())
        return writer.bytes
    }

    /// Reads the plaintext of the file at `path`.
    init(encoded bytes: UnsafeRawBufferPointer, from path: String) throws {
        var reader = ByteReader(bytes)
        do {
            guard try reader.array(Self.magic.utf8.count) == Array(Self.magic.utf8) else {
                throw KitError.notAnAdapter(path)
            }
            let length: UInt32 = try reader.bigEndian()
            guard length <= Self.largestManifest else { throw KitError.notAnAdapter(path) }
            manifest = try JSONDecoder().decode(AdapterManifest.self, from: Data(try reader.run(UInt64(length))))
            adapter = try Adapter(encoded: try reader.run(UInt64(reader.remaining)), manifest: manifest)
        } catch is ByteReader.Failure {
            throw KitError.notAnAdapter(path)
        } catch is DecodingError {
            throw KitError.notAnAdapter(path)
        }
    }
}
