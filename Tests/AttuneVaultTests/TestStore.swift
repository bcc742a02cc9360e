// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation

@testable import AttuneVault

/// A store in a temporary folder, with a passphrase that costs next to nothing to try.
struct TestStore {
    static let cost = PassphraseCost(opslimit: 1, memlimit: 8192)
    static let passphrase = "correct horse battery staple"
    static let base = BaseID.filled(7)
    static let data = Digest256.filled(6)
    static let otherBase = BaseID.filled(8)

    let directory: TemporaryDirectory
    let vault: Vault
    let words: [String]

    init(now: @escaping Vault.Clock = { Date() }) throws {
        directory = try TemporaryDirectory()
        let recovery = RecoveryWords.random()
        words = recovery.words
        vault = try Vault.create(
            at: directory.path + "/store", passphrase: Self.secret(Self.passphrase), recovery: recovery,
            cost: Self.cost, now: now)
    }

    var path: String { vault.path }

    static func secret(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8)) }

    /// Opens the store anew; the vault made by `init` has to be closed first where both write.
    static func open(
        _ path: String, _ mode: Vault.Mode = .writing, accepting: Bool = false,
        now: @escaping Vault.Clock = { Date() }
    ) throws -> Vault {
        try Vault.open(at: path, passphrase: secret(passphrase), mode: mode, accepting: accepting, now: now)
    }

    /// `count` bytes that differ with `seed`.
    static func bytes(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(seed) &* 17 &+ $0 >> 8) }
    }

    static func version(_ seed: UInt8 = 1, count: Int = 3000) -> NewVersion {
        NewVersion(manifest: #"{"seed":\#(seed)}"#, content: BlobContent(bytes(count, seed: seed)))
    }

    /// Every regular file below `path`.
    static func files(_ path: String) -> [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter {
            (try? FileManager.default.attributesOfItem(atPath: "\(path)/\($0)")[.type] as? FileAttributeType)
                == .typeRegular
        }.map { "\(path)/\($0)" }.sorted()
    }

    /// The names of the chunk files of a store, without those that are set aside.
    static func chunkFiles(_ path: String) -> [String] {
        files(path + "/chunks").filter { !$0.contains("/chunks/.lost/") }
    }

    /// Seconds that this thread itself has worked, so that other tests and other programs do not count.
    static func ownSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Inverts one bit of a file.
    static func flip(_ path: String, byte: Int, bit: Int = 0) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: UInt64(byte))
        let old = try handle.read(upToCount: 1)![0]
        try handle.seek(toOffset: UInt64(byte))
        try handle.write(contentsOf: [old ^ (1 << UInt8(bit))])
        try handle.close()
    }
}

extension Error {
    /// The code of an Attune error.
    var failureCode: String? { (self as? any AttuneError)?.code }
    var failureStatus: ExitStatus? { (self as? any AttuneError)?.exitStatus }
}

/// The error that `body` throws; nil if it throws none.
func failure<Value>(_ body: () throws -> Value) -> (any Error)? {
    do {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
