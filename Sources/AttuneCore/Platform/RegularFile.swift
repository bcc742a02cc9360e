// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file with bytes of its own, such as a folder or a pipe is not.
package enum RegularFile {
    /// Returns the bytes of an open file; nil with `errno` set if they cannot be told, to EINVAL if it is no such file.
    package static func byteCount(_ descriptor: Int32) -> Int? {
        var state = stat()
        guard fstat(descriptor, &state) == 0 else { return nil }
        guard state.st_mode & S_IFMT == S_IFREG else {
            errno = EINVAL
            return nil
        }
        return Int(state.st_size)
    }
}
