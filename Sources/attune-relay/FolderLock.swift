// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Keeps a second relay from serving the same folder; the kernel lets go of it when the process ends.
final class FolderLock {
    private let descriptor: Int32

    /// - Throws: `RelayProcessError` E-RELAY-036, E-RELAY-039.
    init(folder: String) throws {
        let path = folder + "/relay.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw RelayProcessError.file(path, String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw RelayProcessError.locked(folder)
        }
    }

    deinit { close(descriptor) }
}
