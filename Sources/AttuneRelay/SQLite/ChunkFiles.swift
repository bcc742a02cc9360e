// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import NIOCore
import Synchronization

/// Chunks as files `aa/bb/id` below one folder; a file is there whole or not at all, through any crash.
struct ChunkFiles: Sendable {
    let folder: String
    private let known = KnownFolders()

    /// - Parameter isAlone: whether unfinished files of earlier processes can go.
    /// - Throws: if the folder cannot be made.
    init(folder: String, isAlone: Bool) throws {
        self.folder = folder
        try FileManager.default.createDirectory(
            atPath: folder + "/incoming", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard isAlone else { return }
        // What a crash left half written was never acknowledged.
        for name in try FileManager.default.contentsOfDirectory(atPath: folder + "/incoming") {
            unlink("\(folder)/incoming/\(name)")
        }
    }

    private func leaf(_ id: ChunkID) -> String {
        let name = id.description
        return "\(folder)/\(name.prefix(2))/\(name.dropFirst(2).prefix(2))"
    }

    func path(_ id: ChunkID) -> String { "\(leaf(id))/\(id)" }

    /// The file, open for reading; nil if there is none. Any other failure says nothing of whether there is one.
    private func opened(_ id: ChunkID) throws -> (descriptor: Int32, size: Int)? {
        let descriptor = open(path(id), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw RelayError.disk("open", errno)
        }
        guard let size = RegularFile.byteCount(descriptor) else {
            let number = errno
            close(descriptor)
            throw RelayError.disk("fstat", number)
        }
        return (descriptor, size)
    }

    /// Bytes of the file, or nil if there is none.
    func size(_ id: ChunkID) throws -> Int? {
        guard let file = try opened(id) else { return nil }
        close(file.descriptor)
        return file.size
    }

    /// Writes a file and returns once it and its name are on disk.
    func write(_ bytes: ByteBuffer, id: ChunkID) throws {
        let folder = leaf(id)
        try makeFolder(folder)
        let temporary = "\(self.folder)/incoming/\(UUID().uuidString)"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw RelayError.disk("open", errno) }
        var isKept = false
        defer {
            close(descriptor)
            if !isKept { unlink(temporary) }
        }
        try bytes.withUnsafeReadableBytes { source in
            var offset = 0
            while offset < source.count {
                let count = Foundation.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: source[offset...]).baseAddress, source.count - offset)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw RelayError.disk("write", errno) }
                offset += count
            }
        }
        guard fdatasync(descriptor) == 0 else { throw RelayError.disk("fdatasync", errno) }
        guard rename(temporary, path(id)) == 0 else { throw RelayError.disk("rename", errno) }
        isKept = true
        try sync(folder: folder)
    }

    /// The whole file, or nil if there is none.
    func read(_ id: ChunkID) throws -> ByteBuffer? {
        switch try contents(of: id) {
        case .bytes(let bytes): bytes
        case .gone: throw RelayError.disk("read", EIO)
        case nil: nil
        }
    }

    /// Whether the file holds the bytes that its name says; nil if there is none.
    ///
    /// - Throws: if it cannot be told, as with no descriptor left or no right to read it.
    func isIntact(_ id: ChunkID) throws -> Bool? {
        switch try contents(of: id) {
        case .bytes(let bytes): ChunkID(WireHash.blake2b(Array(bytes.readableBytesView), personal: "")) == id
        case .gone: false
        case nil: nil
        }
    }

    private enum Contents {
        case bytes(ByteBuffer)
        /// The disk has lost them (EIO).
        case gone
    }

    private func contents(of id: ChunkID) throws -> Contents? {
        guard let file = try opened(id) else { return nil }
        defer { close(file.descriptor) }
        var buffer = ByteBufferAllocator().buffer(capacity: file.size)
        while buffer.readableBytes < file.size {
            let left = file.size - buffer.readableBytes
            var number: Int32 = 0
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: left) { space in
                let count = Foundation.read(file.descriptor, space.baseAddress, left)
                if count < 0 { number = errno }
                return max(0, count)
            }
            if count == 0, number == 0 { break }
            switch number {
            case 0, EINTR: continue
            case EIO: return .gone
            default: throw RelayError.disk("read", number)
            }
        }
        return .bytes(buffer)
    }

    /// Removes the file; does nothing if there is none.
    func remove(_ id: ChunkID) { unlink(path(id)) }

    /// Where files lie that are not what their names say.
    private var damaged: String { folder + "/damaged" }

    /// Moves the file away from where chunks are looked for; does nothing if there is none.
    func setAside(_ id: ChunkID) throws {
        if mkdir(damaged, 0o700) != 0, errno != EEXIST { throw RelayError.disk("mkdir", errno) }
        guard rename(path(id), "\(damaged)/\(id)") == 0 else {
            if errno == ENOENT { return }
            throw RelayError.disk("rename", errno)
        }
        // How long it stays counts from now.
        utimensat(AT_FDCWD, "\(damaged)/\(id)", nil, 0)
        for folder in [damaged, leaf(id)] { try sync(folder: folder) }
    }

    /// Removes files that were set aside before `date`.
    func removeDamaged(before date: Date) {
        for file in files(in: damaged, before: date) { unlink(file.path) }
    }

    /// Ids of files that were last written before `date`, those that were set aside not counted.
    func names(before date: Date) -> [ChunkID] {
        files(in: folder, before: date).compactMap { file in
            file.deletingLastPathComponent().lastPathComponent == "damaged"
                ? nil : ChunkID(hex: file.lastPathComponent)
        }
    }

    private func files(in folder: String, before date: Date) -> [URL] {
        guard
            let files = FileManager.default.enumerator(
                at: URL(filePath: folder), includingPropertiesForKeys: [.contentModificationDateKey, .isRegularFileKey])
        else { return [] }
        return files.compactMap { item in
            guard let file = item as? URL, ChunkID(hex: file.lastPathComponent) != nil,
                let values = try? file.resourceValues(forKeys: [.contentModificationDateKey]),
                let written = values.contentModificationDate, written < date
            else { return nil }
            return file
        }
    }

    private func makeFolder(_ path: String) throws {
        guard !known.contains(path) else { return }
        let parent = URL(filePath: path).deletingLastPathComponent().path
        for (child, above) in [(parent, folder), (path, parent)] {
            if mkdir(child, 0o700) == 0 {
                try sync(folder: above)
            } else if errno != EEXIST {
                throw RelayError.disk("mkdir", errno)
            }
        }
        known.insert(path)
    }

    private func sync(folder: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RelayError.disk("open", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw RelayError.disk("fsync", errno) }
    }
}

/// Folders that this process has seen or made; 65,536 at most.
private final class KnownFolders: Sendable {
    private let paths = Mutex<Set<String>>([])
    func contains(_ path: String) -> Bool { paths.withLock { $0.contains(path) } }
    func insert(_ path: String) { paths.withLock { _ = $0.insert(path) } }
}
