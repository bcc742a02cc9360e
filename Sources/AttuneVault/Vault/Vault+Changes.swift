// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

extension Vault {
    /// Milliseconds between two looks where the system cannot tell of changes.
    private static let lookInterval: Int32 = 10_000

    /// Says that something in the store changed, by this process or another one; ends when its reader stops.
    ///
    /// Several changes may be told as one. Where the system has no watch to give it says so every ten seconds.
    package func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Written with each change, and with nothing else.
        let mark = URL(filePath: folder.mark).lastPathComponent
        // Its reader going away closes the one end, which wakes whoever waits at the other.
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            continuation.finish()
            return stream
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (end, signal) = (ends[0], ends[1])
        let watch = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        let isWatched =
            watch >= 0 && inotify_add_watch(watch, folder.path, UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)) >= 0
        continuation.onTermination = { _ in Glibc.close(signal) }
        Thread {
            defer {
                if watch >= 0 { Glibc.close(watch) }
                Glibc.close(end)
            }
            var polled = [
                pollfd(fd: end, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch, events: Int16(POLLIN), revents: 0),
            ]
            while true {
                let count = poll(&polled, isWatched ? 2 : 1, isWatched ? -1 : Self.lookInterval)
                guard count >= 0 || errno == EINTR else { return continuation.finish() }
                if polled[0].revents != 0 { return }
                if count == 0 || isWatched && Self.tells(watch, of: mark) { continuation.yield() }
            }
        }.start()
        return stream
    }

    /// Empties the queue of a watch; whether a file of this name is in it, or the watch lost some.
    private static func tells(_ watch: Int32, of name: String) -> Bool {
        let header = MemoryLayout<inotify_event>.size
        var isThere = false
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(watch, &buffer, buffer.count)
            guard count > 0 else { return isThere }
            buffer.withUnsafeBytes { bytes in
                var offset = 0
                while offset + header <= count {
                    let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let end = min(offset + header + Int(event.len), count)
                    let found = bytes[(offset + header)..<end].prefix { $0 != 0 }
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 || found.elementsEqual(name.utf8) { isThere = true }
                    offset = end
                }
            }
        }
    }
}
