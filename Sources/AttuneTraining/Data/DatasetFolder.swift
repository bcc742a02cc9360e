// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Walks a folder and finds the files that may hold training data, without leaving the folder through a link.
struct DatasetFolder {
    /// What stopped the walk as a whole.
    enum Failure: Error { case tooManyFiles }

    /// A file or folder by its path below the folder, as the disk spells it, which need not be UTF-8.
    struct Entry {
        let path: [UInt8]
        /// For messages and records: what is not UTF-8 is shown as U+FFFD.
        var name: String { String(decoding: path, as: UTF8.self) }
    }

    let depthLimit: Int
    let countLimit: Int
    /// Files whose names end in one of `Dataset.extensions`, sorted by the bytes of their paths.
    private(set) var files: [Entry] = []
    private(set) var ignored: [(entry: Entry, reason: Dataset.Ignored.Reason)] = []
    /// Folders that could not be opened or are too deep, with the reason.
    private(set) var unreadable: [(entry: Entry, reason: String)] = []
    private var seen = 0

    /// Walks `path`, bytes ending in 0; nil if it cannot be opened as a folder, with the reason in `errno`.
    init?(path: [CChar], depthLimit: Int, countLimit: Int) throws(Failure) {
        self.depthLimit = depthLimit
        self.countLimit = countLimit
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        try visit(descriptor, below: [], depth: 0)
        files.sort { $0.path.lexicographicallyPrecedes($1.path) }
        ignored.sort { $0.entry.path.lexicographicallyPrecedes($1.entry.path) }
    }

    /// Takes ownership of `descriptor`.
    private mutating func visit(_ descriptor: Int32, below path: [UInt8], depth: Int) throws(Failure) {
        guard let stream = fdopendir(descriptor) else {
            unreadable.append((Entry(path: path), String(cString: strerror(errno))))
            close(descriptor)
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = Self.name(of: entry)
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            seen += 1
            guard seen <= countLimit else { throw .tooManyFiles }
            try take(name, below: path, in: descriptor, depth: depth)
        }
    }

    private mutating func take(
        _ name: [UInt8], below path: [UInt8], in descriptor: Int32, depth: Int
    ) throws(Failure) {
        let entry = Entry(path: path.isEmpty ? name : path + [0x2F] + name)
        guard name.first != 0x2E else { return ignored.append((entry, .hidden)) }
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        var status = stat()
        guard fstatat(descriptor, terminated, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            return unreadable.append((entry, String(cString: strerror(errno))))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG where Dataset.extensions.contains(Self.ending(of: name)): files.append(entry)
        case S_IFREG: ignored.append((entry, .otherType))
        case S_IFLNK: ignored.append((entry, .link))
        case S_IFDIR:
            guard depth < depthLimit else {
                return unreadable.append((entry, "folders are nested deeper than \(depthLimit) levels"))
            }
            let child = openat(descriptor, terminated, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW)
            guard child >= 0 else { return unreadable.append((entry, String(cString: strerror(errno)))) }
            try visit(child, below: entry.path, depth: depth + 1)
        default: ignored.append((entry, .special))
        }
    }

    /// What follows the last full stop of a name, lower case; empty if there is none.
    static func ending(of name: some BidirectionalCollection<UInt8>) -> String {
        guard let dot = name.lastIndex(of: 0x2E) else { return "" }
        return String(decoding: name[name.index(after: dot)...], as: UTF8.self).lowercased()
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        // The structure declares 256 bytes of name, but the one returned may be shorter: only up to the 0 may be read.
        let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
        return Array(UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
    }
}
