// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file mapped read-only for as long as the object lives; the pages are shared and can be dropped by the kernel.
///
/// The size is taken once, from the open descriptor, and the descriptor is kept.
package final class MappedFile: @unchecked Sendable {  // immutable after init
    /// What stopped the mapping.
    package struct Failure: AttuneError {
        package let code: String
        package let message: String
        package let remedy: String?
        package let exitStatus: ExitStatus
    }

    package let path: String
    /// The whole file; valid while this object lives, which the caller sees to. See `withBytes`.
    package let bytes: UnsafeRawBufferPointer
    private let descriptor: Int32

    /// Maps `path`, which must be a regular file that is not empty.
    ///
    /// - Throws: `Failure` with `E-FILE-001` (not there, not readable) or `E-FILE-002` (not a file, or empty).
    package init(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Failure(
                code: "E-FILE-001", message: "cannot open \(path): \(String(cString: strerror(errno)))",
                remedy: "Check the path and its permissions.", exitStatus: .notFound)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
            let address = mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED
        else {
            close(descriptor)
            throw Failure(
                code: "E-FILE-002", message: "\(path) is empty or not a regular file",
                remedy: "Give the path of a file with content.", exitStatus: .invalidData)
        }
        self.path = path
        self.descriptor = descriptor
        bytes = UnsafeRawBufferPointer(start: address, count: Int(status.st_size))
    }

    /// Calls `body` with the whole file, which stays mapped until it returns.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(bytes) }
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        close(descriptor)
    }
}
