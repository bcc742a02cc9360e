// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation
import Testing

@Suite struct MappedFileTests {
    private let page = 4096

    private func sum(_ file: MappedFile) -> Int {
        var total = 0
        for word in UnsafeRawBufferPointer(rebasing: file.bytes.prefix(file.bytes.count / 8 * 8)).bindMemory(
            to: UInt64.self)
        {
            // The sum of the eight bytes, each of them small.
            total += Int(truncatingIfNeeded: (word &* 0x0101_0101_0101_0101) >> 56)
        }
        return file.bytes.suffix(file.bytes.count % 8).reduce(total) { $0 + Int($1) }
    }

    @Test func whatTheFileLosesReadsAsZerosAndIsNoticed() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write([UInt8](repeating: 1, count: 10 * page + 5), to: "file")
        let file = try MappedFile(path: path)
        #expect(file.isIntact)
        #expect(sum(file) == 10 * page + 5)
        #expect(truncate(path, off_t(3 * page + 7)) == 0)
        #expect(sum(file) == 3 * page + 7)
        #expect(!file.isIntact)
        // Bytes that come back are not trusted either.
        try folder.write([UInt8](repeating: 1, count: 10 * page + 5), to: "again")
        #expect(truncate(path, off_t(10 * page + 5)) == 0)
        #expect(!file.isIntact)
    }

    @Test func aFileRewrittenInPlaceIsNoticed() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write([UInt8](repeating: 1, count: page), to: "file")
        let file = try MappedFile(path: path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        usleep(20_000)  // more than a tick of the clock that dates files
        try handle.write(contentsOf: Data([2]))
        try handle.close()
        #expect(file.bytes[0] == 2)
        #expect(!file.isIntact)
    }

    @Test func removingOrRenamingTheFileChangesNothing() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write([UInt8](repeating: 1, count: page), to: "file")
        let file = try MappedFile(path: path)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
        try FileManager.default.removeItem(atPath: path + ".old")
        #expect(sum(file) == page)
        #expect(file.isIntact)
    }

    @Test func manyFilesAreToldApart() throws {
        let folder = try TemporaryDirectory()
        var files: [MappedFile] = []
        for round in 0..<3 {
            let paths = try (0..<40).map {
                try folder.write([UInt8](repeating: 1, count: 4 * page), to: "\(round)-\($0)")
            }
            files = try paths.map { try MappedFile(path: $0) }
            for index in stride(from: 0, to: 40, by: 2) { #expect(truncate(paths[index], off_t(page)) == 0) }
            let shared = files
            DispatchQueue.concurrentPerform(iterations: 160) { index in
                let file = shared[index % 40]
                let expected = index % 2 == 0 ? page : 4 * page
                #expect(file.bytes.reduce(0) { $0 + Int($1) } == expected)
            }
            for (index, file) in files.enumerated() { #expect(file.isIntact == (index % 2 == 1)) }
        }
    }

    @Test func aReaderOfAWholeFileIsToldThatItChanged() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write([UInt8](repeating: 1, count: 2 * page), to: "file")
        let file = try MappedFile(path: path)
        #expect(try file.withBytes { $0.count } == 2 * page)
        let failure = #expect(throws: FileError.self) {
            try file.withBytes { bytes in
                #expect(truncate(path, 1) == 0)
                #expect(bytes[page] == 0)
            }
        }
        #expect(failure?.code == "E-FILE-004")
    }

    /// Bytes of the map of `path` that lie in this process's memory.
    private func mapped(_ path: String) throws -> Int {
        let handle = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
        let text = try String(decoding: handle.readToEnd() ?? Data(), as: UTF8.self)
        let header = try #require(text.range(of: path))
        let line = try #require(text[header.upperBound...].split(separator: "\n").first { $0.hasPrefix("Rss:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }) * 1024
    }

    @Test(arguments: [false, true]) func rangesAreLoadedAndDropped(_ fromCache: Bool) throws {
        let folder = try TemporaryDirectory()
        let size = 32 << 20
        let path = try folder.write(Data(repeating: 1, count: size), to: "file")
        let file = try MappedFile(path: path)
        file.expectRandomAccess(true)
        file.load(0..<size)
        #expect(try mapped(path) == size)
        // The kernel may map and unmap runs of 2 MiB as one.
        file.drop(0..<size / 4, fromCache: fromCache)
        #expect(try mapped(path) <= size * 3 / 4)
        file.load(1..<3)
        file.drop(size / 2 + 5..<size, fromCache: fromCache)
        #expect(try mapped(path) <= size / 4 + (6 << 20))
        file.load(size - 10..<size + 100)
        file.drop(size + 50..<size + 100, fromCache: fromCache)
        #expect(sum(file) == size)
        #expect(file.isIntact)
    }

    @Test func onlyRegularFilesWithContentAreMapped() throws {
        let folder = try TemporaryDirectory()
        let empty = try folder.write("", to: "empty")
        for (path, code) in [(empty, "E-FILE-002"), (folder.path, "E-FILE-002"), (empty + "x", "E-FILE-001")] {
            let failure = #expect(throws: FileError.self) { try MappedFile(path: path) }
            #expect(failure?.code == code)
        }
    }
}
