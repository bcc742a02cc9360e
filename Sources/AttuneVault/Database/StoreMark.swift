// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import Synchronization

/// The small file beside the database that remembers the newest change of the store and its key file.
///
/// SQLite takes what is there for all there is: a database without its log, or an older one, is a whole database to it.
/// The mark tells. It is written after each commit, which is on disk by then, so it can be behind the database and
/// never ahead of it; it reaches the disk with the end of the command. Layout: `schemas/store.md`.
final class StoreMark: Sendable {
    /// What the mark says.
    struct Content: Equatable {
        /// Counts the writes of the file: the higher of its two halves is the newer one.
        var turn: UInt64 = 1
        /// Nil if nothing was changed yet since the store has a mark.
        var position: StorePosition?
        /// BLAKE2b-256 of `vault.key`; nil if there was none.
        var keyFile: Digest256?
        /// Of what `vault.key` is about to become, while it is being replaced.
        var nextKeyFile: Digest256?
    }

    /// What is there.
    enum Reading: Equatable {
        case absent
        /// Neither half is as this store wrote it.
        case damaged
        case content(Content)
    }

    private static let magic = Array("ATMARK01".utf8)
    /// Two halves, in sectors of their own: a torn write spoils one of them at most.
    static let halfOffset = 4096
    private static let halfBytes = 152
    private static let byteCount = halfOffset + halfBytes

    let folder: StoreFolder
    private let key: SecretBytes
    private let state = Mutex(State())

    private struct State {
        /// The newest position that this object was told of.
        var newest: StorePosition?
        var failure: VaultError?
        /// What this object wrote last, and in which hold of the store's lock: while that lasts nobody else writes the
        /// file, so it need not be read and proved again.
        var written: (content: Content, hold: Int)?
    }

    init(folder: StoreFolder, key: borrowing SecretBytes) {
        self.folder = folder
        self.key = KeyDerivation.subkey(of: key, id: 4, context: "ATstmark")
    }

    /// The last failure to write the mark, since when it is behind the database; nil if it could be written.
    var failure: VaultError? { state.withLock { $0.failure } }

    /// The newest change that this object was told of.
    var newest: StorePosition? { state.withLock { $0.newest } }

    /// Reads the file; another process may be writing it.
    func read() throws -> Reading {
        try DurableFile.read(folder.mark, limit: Self.byteCount).map(reading) ?? .absent
    }

    /// What the bytes of the file say.
    func reading(_ bytes: [UInt8]) -> Reading {
        let halves = [0, Self.halfOffset].compactMap { content(bytes.dropFirst($0).prefix(Self.halfBytes)) }
        return halves.max { $0.turn < $1.turn }.map(Reading.content) ?? .damaged
    }

    /// Moves the mark to a position that is durable in the database; what fails is kept in `failure`.
    ///
    /// Only for the holder of the store's lock.
    ///
    /// - Parameter hold: which hold of the lock this is.
    func advance(to position: StorePosition, hold: Int) {
        state.withLock { state in
            // Threads may come here in another order than they committed in.
            if let newest = state.newest, !newest.precedes(position) { return }
            state.newest = position
            do {
                try update(&state, hold: hold) { $0.position = position }
                state.failure = nil
            } catch {
                state.failure = error as? VaultError ?? VaultError.failed("\(error)")
            }
        }
    }

    /// Changes what the mark says by one write of a half; makes the file if it is not there.
    ///
    /// - Parameter durably: waits until the disk has it.
    func update(durably: Bool = false, _ change: (inout Content) -> Void) throws {
        try state.withLock { try update(&$0, hold: nil, durably: durably, change) }
    }

    private func update(
        _ state: inout State, hold: Int?, durably: Bool = false, _ change: (inout Content) -> Void
    ) throws {
        var known = state.written.flatMap { $0.hold == hold ? $0.content : nil }
        state.written = nil
        if known == nil, case .content(let found) = try read() { known = found }
        var content = try known ?? Content(keyFile: Self.keyFileDigest(folder.keyFile))
        change(&content)
        content.turn += 1
        if try known == nil || !write(content, durably: durably) { try create(content) }
        state.written = hold.map { (content, $0) }
    }

    /// Writes the half of this turn; false if there is no file.
    private func write(_ content: Content, durably: Bool) throws -> Bool {
        let bytes = encoded(content)
        let descriptor = open(folder.mark, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return false }
            throw VaultError.system("cannot open \(folder.mark)", errno: errno)
        }
        defer { close(descriptor) }
        let written = pwrite(descriptor, bytes, bytes.count, off_t(Self.offset(ofTurn: content.turn)))
        guard written == bytes.count else {
            throw VaultError.system("cannot write \(folder.mark)", errno: written < 0 ? errno : ENOSPC)
        }
        guard !durably || fsync(descriptor) == 0 else {
            throw VaultError.system("cannot write \(folder.mark)", errno: errno)
        }
        return true
    }

    private static func offset(ofTurn turn: UInt64) -> Int { turn.isMultiple(of: 2) ? 0 : halfOffset }

    /// Puts a new file in place, durably.
    func create(_ content: Content) throws {
        let half = encoded(content)
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        let offset = Self.offset(ofTurn: content.turn)
        bytes.replaceSubrange(offset..<offset + half.count, with: half)
        try DurableFile.makeFolder(folder.staging)
        let staging = folder.staging + "/mark"
        unlink(staging)
        try bytes.withUnsafeBytes { try DurableFile.write($0, to: folder.mark, staging: staging) }
        try DurableFile.syncFolder(folder.path)
    }

    /// Brings what was written to the disk.
    func sync() throws { try DurableFile.sync(folder.mark) }

    /// The digest of a key file; nil if it is not there.
    static func keyFileDigest(_ path: String) throws -> Digest256? {
        try DurableFile.read(path, limit: StoreKeyFile.sizeLimit).map { BLAKE2b.hash($0) }
    }

    /// The bytes of one half.
    func encoded(_ content: Content) -> [UInt8] {
        let none = [UInt8](repeating: 0, count: 32)
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.bigEndian(content.turn)
        writer.bigEndian(content.position?.stretch ?? 0)
        writer.bigEndian(content.position?.commits ?? 0)
        writer.append(content.position?.writer ?? [UInt8](repeating: 0, count: 16))
        writer.bigEndian(content.position?.changed ?? 0)
        writer.append(content.keyFile?.bytes ?? none)
        writer.append(content.nextKeyFile?.bytes ?? none)
        writer.append(BLAKE2b.hash(writer.bytes, key: key).bytes)
        return writer.bytes
    }

    private func content(_ half: ArraySlice<UInt8>) -> Content? {
        let bytes = Array(half)
        let signed = Self.halfBytes - 32
        guard bytes.count == Self.halfBytes, bytes.starts(with: Self.magic) else { return nil }
        let sum = BLAKE2b.hash(Array(bytes[..<signed]), key: key).bytes
        // In a time that does not depend on where they differ.
        guard zip(sum, bytes[signed...]).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0 else { return nil }
        func number(_ offset: Int) -> UInt64 { bytes[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        func digest(_ offset: Int) -> Digest256? {
            let run = bytes[offset..<offset + 32]
            return run.allSatisfy { $0 == 0 } ? nil : Digest256(run)
        }
        let stretch = Int64(bitPattern: number(16))
        let position = StorePosition(
            stretch: stretch, writer: Array(bytes[32..<48]), commits: Int64(bitPattern: number(24)),
            changed: Int64(bitPattern: number(48)))
        return Content(
            turn: number(8), position: stretch == 0 ? nil : position, keyFile: digest(56), nextKeyFile: digest(88))
    }
}
