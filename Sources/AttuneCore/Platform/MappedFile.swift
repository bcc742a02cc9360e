// Attune
// SPDX-License-Identifier: Apache-2.0

import CMappedFile
import Foundation

/// A file mapped read-only for as long as the object lives; the pages are shared and can be dropped by the kernel.
///
/// The size is taken once, from the open descriptor, and the descriptor is kept. Bytes that the file loses meanwhile
/// read as zeros, and `isIntact` tells: whoever keeps a result of the bytes asks it first.
package final class MappedFile: @unchecked Sendable {  // immutable after init, but for the mark that C keeps atomically
    package let path: String
    /// The whole file; valid while this object lives, which the caller sees to. See `withBytes`.
    package let bytes: UnsafeRawBufferPointer
    private let file: OpaquePointer

    /// Maps `path`, which must be a regular file that is not empty.
    ///
    /// - Throws: `Failure` with `E-FILE-001` (not there, not readable) or `E-FILE-002` (not a file, or empty).
    package init(path: String) throws {
        guard let file = mapped_file_open(path) else {
            throw errno == EINVAL ? Failure.notAFile(path) : Failure.cannotOpen(path, reason: errno)
        }
        self.path = path
        self.file = file
        bytes = UnsafeRawBufferPointer(start: mapped_file_bytes(file), count: mapped_file_size(file))
    }

    /// Whether all that was read so far was the file's, and the file is still the one that was opened.
    package var isIntact: Bool { mapped_file_intact(file) != 0 }

    /// Calls `body` with the whole file, which stays mapped until it returns.
    ///
    /// - Throws: what `body` throws, and `Failure` with `E-FILE-004` if the file changed meanwhile.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let result = try withExtendedLifetime(self) { try body(bytes) }
        guard isIntact else { throw Failure.changed(path) }
        return result
    }

    /// Tells the kernel whether to read ahead by itself; who loads and drops ranges wants none of it.
    package func expectRandomAccess(_ random: Bool) { mapped_file_expect_random(file, random ? 1 : 0) }

    /// Reads a range and maps its pages; returns once they are there.
    package func load(_ range: Range<Int>) { mapped_file_load(file, range.lowerBound, range.count) }

    /// Takes the pages of a range out of this process's memory; they are read again where they are used again.
    ///
    /// - Parameter fromCache: out of the system's memory as well, as far as no other process uses them.
    package func drop(_ range: Range<Int>, fromCache: Bool) {
        mapped_file_drop(file, range.lowerBound, range.count, fromCache ? 1 : 0)
    }

    deinit { mapped_file_close(file) }
}

extension FileError {
    fileprivate static func cannotOpen(_ path: String, reason: Int32) -> Self {
        Self(
            .cannotOpen, "cannot open \(path): \(String(cString: strerror(reason)))",
            remedy: "Check the path and its permissions.")
    }

    fileprivate static func notAFile(_ path: String) -> Self {
        Self(.notAFile, "\(path) is empty or not a regular file", remedy: "Give the path of a file with content.")
    }

    /// What a reader throws where `isIntact` no longer holds.
    package static func changed(_ path: String) -> Self {
        Self(.changed, "\(path) was changed or cut short while it was read", remedy: "Put the file back and try again.")
    }
}
