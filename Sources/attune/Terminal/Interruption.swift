// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import Synchronization

/// Turns Ctrl-C, SIGTERM and the SIGHUP of a terminal that goes into a question that long work asks itself; a second
/// signal ends the process at once.
///
/// There may be several at once, and one after the other: each of them is told of a signal.
final class Interruption: Sendable {
    private let received = Atomic<Int32>(0)
    private let onFirst: @Sendable (Int32) -> Void

    /// - Parameter onFirst: Called on a background thread at the first signal.
    init(onFirst: @escaping @Sendable (Int32) -> Void = { _ in }) {
        self.onFirst = onFirst
        Self.live.withLock { live in
            if live.isEmpty { Self.catchSignals() }
            live[ObjectIdentifier(self)] = { [weak self] in self?.receive($0) }
        }
    }

    deinit {
        Self.live.withLock { live in
            live[ObjectIdentifier(self)] = nil
            // From here on a signal ends the process again, as before.
            if live.isEmpty { for number in Self.caught { signal(number, SIG_DFL) } }
        }
    }

    /// A terminal that goes is nothing to a process that was started to ignore it.
    private static let caught = [SIGINT, SIGTERM] + (Signals.isIgnored(SIGHUP) ? [] : [SIGHUP])
    private static let live = Mutex<[ObjectIdentifier: @Sendable (Int32) -> Void]>([:])
    /// Where a signal's number is written by its handler, which may do little else; read by a thread of its own.
    private static let writer = Atomic<Int32>(-1)

    private static func catchSignals() {
        if writer.load(ordering: .acquiring) < 0 {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            writer.store(ends[1], ordering: .releasing)
            Thread { [reader = ends[0]] in tell(from: reader) }.start()
        }
        for number in caught {
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Interruption.writer.load(ordering: .acquiring), &byte, 1)
                errno = before
            }
        }
    }

    private static func tell(from reader: Int32) {
        var byte: UInt8 = 0
        while true {
            guard read(reader, &byte, 1) == 1 else { continue }
            for told in live.withLock({ Array($0.values) }) { told(Int32(byte)) }
        }
    }

    /// Whether a signal has come.
    var requested: Bool { received.load(ordering: .acquiring) != 0 }

    /// The exit code that goes with the signal: 130, 143 or 129; 0 when none came.
    var exitCode: Int32 {
        let number = received.load(ordering: .acquiring)
        return number == 0 ? 0 : 128 + number
    }

    /// A person ended the command.
    var error: GeneralError {
        GeneralError(.interrupted, "interrupted", remedy: nil, exit: ExitStatus(rawValue: exitCode))
    }

    /// A line that a person types; the first signal ends the waiting for it at once.
    ///
    /// - Returns: the line without its end; nil at the end of the input.
    /// - Throws: E-GENERAL-002 with exit code 130, 143 or 129.
    static func line() throws -> String? {
        let interruption = Interruption()
        var bytes: [UInt8] = []
        while !interruption.requested {
            // A signal that is caught does not end a read that waits.
            var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&input, 1, 100) > 0 else { continue }
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            let isEnd = count <= 0
            if isEnd, bytes.isEmpty { return nil }
            if isEnd || byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        throw interruption.error
    }

    private func receive(_ number: Int32) {
        if received.exchange(number, ordering: .acquiringAndReleasing) != 0 { _exit(128 + number) }
        onFirst(number)
    }
}
