// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// File writes that either happen whole and survive a power cut, or leave nothing behind.
enum DurableFile {
    /// Puts `bytes` at `path` by way of `staging`: write, sync, rename. The caller syncs the folder.
    ///
    /// - Throws: `VaultError` E-VAULT-006 if the disk is full, else E-VAULT-007; the staged file is removed.
    ///
    /// - Parameter syncs: false where `sync` follows later; a power cut may tear the file until then.
    static func write(
        _ bytes: UnsafeRawBufferPointer, to path: String, staging: String, syncs: Bool = true
    ) throws {
        let descriptor = open(staging, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw VaultError.system("cannot write \(staging)", errno: errno) }
        do {
            defer { close(descriptor) }
            try writeAll(bytes, to: descriptor, path: path)
            guard !syncs || fsync(descriptor) == 0 else {
                throw VaultError.system("cannot write \(path)", errno: errno)
            }
        } catch {
            unlink(staging)
            throw error
        }
        guard rename(staging, path) == 0 else {
            let code = errno
            unlink(staging)
            throw VaultError.system("cannot write \(path)", errno: code)
        }
    }

    /// Brings the bytes of a file to the disk.
    static func sync(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw VaultError.system("cannot open \(path)", errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw VaultError.system("cannot write \(path)", errno: errno) }
    }

    /// Copies a regular file to a new one of mode 0600, a piece at a time, and brings it to the disk.
    ///
    /// - Throws: as `write`; nothing is left at `target` then.
    static func copy(_ source: String, to target: String) throws {
        let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw VaultError.system("cannot write \(target)", errno: errno) }
        do {
            defer { close(descriptor) }
            let from = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard from >= 0 else { throw VaultError.system("cannot read \(source)", errno: errno) }
            defer { close(from) }
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = Foundation.read(from, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw VaultError.system("cannot read \(source)", errno: errno) }
                if count == 0 { break }
                try buffer.withUnsafeBytes {
                    try writeAll(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: descriptor, path: target)
                }
            }
            guard fsync(descriptor) == 0 else { throw VaultError.system("cannot write \(target)", errno: errno) }
        } catch {
            unlink(target)
            throw error
        }
    }

    /// Lets go of the bytes of a file that the system holds in memory, so that the next reader gets those of the disk.
    static func forget(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        close(descriptor)
    }

    /// Makes renames and removals inside the folder at `path` durable.
    static func syncFolder(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw VaultError.system("cannot open \(path)", errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw VaultError.system("cannot write \(path)", errno: errno) }
    }

    /// Gives a file another name, in place of whatever has it, and brings that to the disk.
    static func move(_ path: String, to other: String) throws {
        guard rename(path, other) == 0 else { throw VaultError.system("cannot write \(other)", errno: errno) }
        try syncFolder(String(other[..<(other.lastIndex(of: "/") ?? other.startIndex)]))
    }

    /// Makes the folder with mode 0700 if it is not there; true if it was made now.
    @discardableResult
    static func makeFolder(_ path: String) throws -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw VaultError.system("cannot make \(path)", errno: errno) }
        return false
    }

    /// Reads a whole regular file that has at most `limit` bytes; nil if it is not there.
    static func read(_ path: String, limit: Int) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw VaultError.system("cannot read \(path)", errno: errno)
        }
        defer { close(descriptor) }
        guard let size = RegularFile.byteCount(descriptor), size <= limit else {
            throw VaultError.damaged("\(path) is no file of the expected size")
        }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let step = Foundation.read(descriptor, buffer.baseAddress! + count, size - count)
                if step < 0, errno == EINTR { continue }
                if step < 0 { failure = errno }
                guard step > 0 else { return }
                count += step
            }
        }
        guard failure == 0 else { throw VaultError.system("cannot read \(path)", errno: failure) }
        return bytes
    }

    /// Bytes of a file; 0 if it is not there.
    static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Whether this process may not write files of any size.
    static var isSizeLimited: Bool {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 && limit.rlim_cur != rlim_t.max
    }

    /// True if a file of so many bytes cannot be written at `path`, or if file sizes are limited; leaves nothing there.
    static func isDiskFull(probing path: String, for byteCount: Int = 1 << 16) -> Bool {
        if isSizeLimited { return true }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return VaultError.isFull(errno) }
        defer {
            close(descriptor)
            unlink(path)
        }
        let code = posix_fallocate(descriptor, 0, off_t(byteCount))
        return VaultError.isFull(code)
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
        var offset = 0
        while offset < bytes.count {
            let step = Foundation.write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
            if step < 0, errno == EINTR { continue }
            guard step > 0 else { throw VaultError.system("cannot write \(path)", errno: step == 0 ? ENOSPC : errno) }
            offset += step
        }
    }
}
