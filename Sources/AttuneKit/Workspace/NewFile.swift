// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes files that did not exist before; nothing is ever replaced.
package enum NewFile {
    /// Writes `bytes` to a new file that only its owner can read, and waits until it is on the disk.
    ///
    /// - Throws: `KitError` `E-FILE-010`; a file that could not be finished is removed.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        try bytes.withUnsafeBytes { try write($0, to: path) }
    }

    /// Writes `bytes` to a new file that only its owner can read, and waits until it is on the disk.
    ///
    /// - Throws: `KitError` `E-FILE-010`; a file that could not be finished is removed.
    package static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KitError.cannotWrite(path, errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Foundation.write(descriptor, part.baseAddress, part.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw failure(path) }
        syncFolder(of: path)
    }

    /// Makes the name of the file at `path` survive a power cut, where the file system can promise that.
    static func syncFolder(of path: String) {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ path: String) -> KitError {
        let reason = errno
        unlink(path)
        return KitError.cannotWrite(path, reason)
    }
}
