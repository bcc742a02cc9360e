// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// The right to change a store, held by one process at a time through `flock` on the file `lock`.
///
/// Only writers take it. Readers need none: the database gives each transaction of theirs one consistent state, and
/// chunk files never change. So a long training run can be watched, and its adapters used, from another terminal.
///
/// The file holds the number and the name of the process for the message a second writer gets; the kernel drops the
/// lock with the process, so a file left by a crash locks nothing.
final class StoreLock: Sendable {
    private let folder: StoreFolder
    private let command: String
    private let state = Mutex(State())

    private struct State {
        var descriptor: Int32?
        /// How often it was taken.
        var holds = 0
        /// Changes under way on threads of this process.
        var uses = 0
        /// To be given back with the end of the last change under way.
        var isYielded = false
    }

    /// - Parameter command: name of the program and sub-command; never arguments, which can be private.
    init(folder: StoreFolder, command: String) {
        self.folder = folder
        self.command = command
    }

    deinit { release() }

    var isHeld: Bool { state.withLock { $0.descriptor != nil } }

    /// Whether another process holds the lock now.
    var isHeldElsewhere: Bool {
        guard !isHeld else { return false }
        let file = open(folder.lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return false }
        defer { close(file) }
        // Beside other readers that look; a writer that comes now waits for longer than this takes.
        return flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// The number of the newest hold: as long as it stays the same while the lock is held, nobody else held it between.
    var hold: Int { state.withLock { $0.holds } }

    /// Takes the lock, waiting up to `patience`; does nothing if this object holds it.
    ///
    /// - Throws: `VaultError` E-VAULT-002 (exit 11) naming the holder.
    func acquire(patience: Duration = .seconds(2)) throws {
        try state.withLock { state in
            state.isYielded = false
            try take(&state, patience)
        }
    }

    /// Runs a change under the lock, which nobody gives back before its end.
    ///
    /// - Throws: as `acquire`, and what `body` throws.
    func during<Value>(_ body: () throws -> Value) throws -> Value {
        try state.withLock { state in
            if state.uses == 0 { state.isYielded = false }
            try take(&state, .seconds(2))
            state.uses += 1
        }
        defer {
            state.withLock { state in
                state.uses -= 1
                if state.uses == 0, state.isYielded { Self.giveBack(&state) }
            }
        }
        return try body()
    }

    private func take(_ state: inout State, _ patience: Duration) throws {
        guard state.descriptor == nil else { return }
        let file = open(folder.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw VaultError.system("cannot open \(folder.lock)", errno: errno) }
        let deadline = ContinuousClock.now + patience
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR else {
                close(file)
                throw VaultError.system("cannot lock \(folder.lock)", errno: code)
            }
            guard ContinuousClock.now < deadline else {
                let holder = Self.holder(of: file)
                close(file)
                throw VaultError.locked(folder.path, by: holder)
            }
            usleep(20_000)
        }
        let note = Array("\(getpid()) \(command)\n".utf8)
        // The note only serves a message: a disk too full for it must not keep anyone from freeing space.
        if ftruncate(file, 0) == 0 { _ = pwrite(file, note, note.count, 0) }
        state.descriptor = file
        state.holds += 1
    }

    /// Gives the lock back, at once or with the end of the changes under way; does nothing if it is not held.
    func release() {
        state.withLock { state in
            if state.uses == 0 { Self.giveBack(&state) } else { state.isYielded = true }
        }
    }

    private static func giveBack(_ state: inout State) {
        guard let file = state.descriptor else { return }
        _ = ftruncate(file, 0)
        close(file)
        state.descriptor = nil
    }

    /// Such as `process 4711 (attune train)`.
    private static func holder(of file: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 200)
        let count = pread(file, &buffer, buffer.count, 0)
        let note = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        let words = note.split(whereSeparator: \.isWhitespace)
        guard let first = words.first, let process = Int(first) else { return "another process" }
        return "process \(process) (\(words.dropFirst().joined(separator: " ")))"
    }
}
