// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An open file of training data, read once from its start in bounded pieces.
///
/// Read rather than mapped: a person may save the file meanwhile, and a mapping of a file cut short kills the process.
struct DatasetFile: ~Copyable {
    /// What the file is on its disk: two paths with the same identity are the same file.
    struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private let descriptor: Int32
    let identity: Identity
    let isRegular: Bool
    /// Bytes when it was opened.
    let size: Int

    /// Opens `path`, bytes ending in 0; nil if that fails, with the reason in `errno`.
    ///
    /// - Parameter followsLinks: whether a symbolic link at the end of the path is followed.
    init?(path: [CChar], followsLinks: Bool) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        isRegular = status.st_mode & S_IFMT == S_IFREG
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// The first bytes, at most `count`, wherever reading is; fewer where they cannot be read.
    func beginning(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
            while length < count {
                let more = pread(descriptor, buffer.baseAddress! + length, count - length, off_t(length))
                if more < 0, errno == EINTR { continue }
                guard more > 0 else { return }
                length += more
            }
        }
    }

    /// Reads up to `buffer.count` bytes; 0 at the end, nil on failure.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        while true {
            let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { return nil }
        }
    }

    /// The whole file; nil on failure or where it is longer than `limit`, which it may have become since it was opened.
    func contents(limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(size, limit))
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { chunk.deallocate() }
        while let count = read(into: chunk), bytes.count + count <= limit {
            if count == 0 { return bytes }
            bytes += UnsafeRawBufferPointer(rebasing: chunk[..<count])
        }
        return nil
    }
}
