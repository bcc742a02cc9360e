// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Glibc

/// Reads files from start to end in pieces, so that hashing one needs no memory of its size.
enum FileBytes {
    /// Gives `body` each piece of at most 1 MiB in turn.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CryptoError.unreadableFile(path, errno: errno) }
        defer { close(descriptor) }
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CryptoError.unreadableFile(path, errno: errno) }
            guard count > 0 else { return }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
