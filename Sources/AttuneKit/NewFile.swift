// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes files that did not exist before; nothing is ever replaced.
package enum NewFile {
    /// Writes `bytes` to a new file that only its owner can read, and waits until it is on the disk.
    ///
    /// - Throws: `KitError` `E-FILE-010`; a file that could not be finished is removed.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KitError.cannotWrite(path, errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> KitError {
        let reason = errno
        unlink(path)
        return KitError.cannotWrite(path, reason)
    }
}
