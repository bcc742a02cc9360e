// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Room on the disk that a store keeps for changes that let go of what is stored.
///
/// Nothing can be erased without room: the database writes each page that it changes to its log first. So a file holds
/// some, and on a full disk it goes before such a change and comes back after it.
enum StoreReserve {
    /// More than the pages that the erasing of one thing changes.
    static let byteCount = 1 << 20

    /// Makes the file as large as it should be, or as the disk allows; where that fails there is none.
    static func fill(_ folder: StoreFolder) {
        guard DurableFile.size(folder.reserve) < byteCount, !DurableFile.isSizeLimited else { return }
        let descriptor = open(folder.reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        for size in stride(from: byteCount, to: 0, by: -(1 << 16)) {
            let code = posix_fallocate(descriptor, 0, off_t(size))
            guard VaultError.isFull(code) else { return }
        }
    }

    /// Gives the file back to the disk if that has no room of this size.
    static func release(_ folder: StoreFolder) {
        guard DurableFile.isDiskFull(probing: folder.staging + "/probe", for: byteCount) else { return }
        unlink(folder.reserve)
    }
}
