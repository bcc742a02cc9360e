// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// What a state of a backup consists of, in a file that only the owner of the vault's key can make.
///
/// One line of JSON, and one line with 64 hexadecimal digits: BLAKE2b-256 over the first line without its line feed,
/// keyed by subkey 4 `ATbackup` of the vault key.
struct BackupManifest: Codable, Equatable {
    /// One file of a state.
    struct File: Codable, Equatable {
        let name: String
        let bytes: Int
        /// BLAKE2b-256.
        let digest: Digest256
    }

    static let fileName = "manifest"
    /// The file with the 32-byte ids of all chunks of the state, in order.
    static let chunkList = "chunks"
    static let keyFileName = "vault.key"
    static let format = 1
    private static let sizeLimit = 1 << 16

    /// 1.
    let format: Int
    /// 16 bytes in hexadecimal digits.
    let vault: String
    /// The number of the state.
    let state: Int
    /// Milliseconds since 1970, for display.
    let made: Int64
    /// `PRAGMA user_version` of the database.
    let layout: Int
    /// Distinct chunks that the state needs, and their bytes.
    let chunks: Int
    let chunkBytes: Int
    /// All files of the state but this one, by name.
    let files: [File]

    /// The bytes of the file.
    func encoded(key: borrowing SecretBytes) throws -> [UInt8] {
        let line = Array(try storedJSON(self).utf8)
        return line + [UInt8(ascii: "\n")] + Array(Self.mac(line, key: key).utf8) + [UInt8(ascii: "\n")]
    }

    /// Reads the manifest of a state; nil if it is not there, or was changed.
    static func read(_ folder: StoreFolder, key: borrowing SecretBytes) throws -> BackupManifest? {
        guard let bytes = try DurableFile.read("\(folder.path)/\(fileName)", limit: sizeLimit) else { return nil }
        return decoded(bytes, key: key)
    }

    /// Reads the bytes of a manifest; nil if they are not what the owner of `key` wrote.
    static func decoded(_ bytes: [UInt8], key: borrowing SecretBytes) -> BackupManifest? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = Array(bytes[..<end])
        let expected = Array(mac(line, key: key).utf8) + [UInt8(ascii: "\n")]
        guard SecretBytes(copying: Array(bytes[(end + 1)...])).isEqual(to: SecretBytes(copying: expected)) else {
            return nil
        }
        let manifest = try? JSONDecoder().decode(BackupManifest.self, from: Data(line))
        return manifest.flatMap { $0.hasSizes ? $0 : nil }
    }

    /// What the manifest of a state says, by whoever wrote it; nil if it says nothing that can be read.
    static func unchecked(_ folder: StoreFolder) -> BackupManifest? {
        guard let bytes = try? DurableFile.read("\(folder.path)/\(fileName)", limit: sizeLimit) else { return nil }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        return try? JSONDecoder().decode(BackupManifest.self, from: Data(line))
    }

    /// Whether every count and size can be one.
    private var hasSizes: Bool {
        let numbers = [state, chunks, chunkBytes, layout] + files.map(\.bytes)
        return files.count <= 16 && numbers.allSatisfy { (0...Self.largest).contains($0) }
    }

    private static let largest = 1 << 50

    /// The digest of the key file.
    var keyFile: Digest256? { files.first { $0.name == Self.keyFileName }?.digest }

    private static func mac(_ line: [UInt8], key: borrowing SecretBytes) -> String {
        BLAKE2b.hash(line, key: KeyDerivation.subkey(of: key, id: 4, context: "ATbackup")).description
    }
}

extension BackupManifest.File {
    /// Measures the file `name` of a folder.
    init(_ name: String, in folder: StoreFolder) throws {
        self.init(
            name: name, bytes: try Self.byteCount(of: name, in: folder),
            digest: try BLAKE2b.hash(file: "\(folder.path)/\(name)"))
    }

    /// Bytes of the file `name` of a folder.
    static func byteCount(of name: String, in folder: StoreFolder) throws -> Int {
        let path = "\(folder.path)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw VaultError.system("cannot read \(path)", errno: errno)
        }
        return Int(status.st_size)
    }
}
