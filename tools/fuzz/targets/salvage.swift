// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import CSealedVFS
import Foundation

@testable import AttuneVault

/// The pages of a damaged database and of its log, which open and hold anything: rows are read out of them.
///
/// Input: how many pages the database has and which pieces do not open, then the contents of its pages, 512 bytes for
/// each that are spread over its start, middle and end, then frames: a number, the size after a commit, a content.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    var input = Array(UnsafeRawBufferPointer(start: data, count: count))[...]
    guard let pages = input.popFirst(), let broken = input.popFirst() else { return 0 }
    var database: [UInt8] = []
    var log = [UInt8](repeating: 0, count: 16) + salt + [UInt8](repeating: 0, count: 8)
    for number in 1...UInt32(pages % 8 + 1) {
        database += sealed(content(&input), number, Int32(SEALED_KIND_DATABASE))
        if broken >> UInt8(number - 1) & 1 == 1 { database[database.count - 100] ^= 1 }
    }
    while let number = input.popFirst(), let size = input.popFirst() {
        let head: [UInt8] = [0, 0, 0, number % 16, 0, 0, 0, size % 16]
        // Some frames are of an earlier use of the log, and some name another page than they hold.
        log += head + (number & 0x40 == 0 ? salt : id) + [UInt8](repeating: 0, count: 8)
        let held = UInt32(number % 16) ^ (number & 0x20 == 0 ? 0 : 4)
        log += sealed(content(&input), held, Int32(SEALED_KIND_WAL))
        if number & 0x80 != 0 { log[log.count - 100] ^= 1 }
    }
    do {
        try Data(database).write(to: URL(filePath: folder.database))
        try Data(log).write(to: URL(filePath: folder.databaseLog))
        let found = try SalvagedPages(folder, vaultKey: SecretBytes(copying: vaultKey))
        precondition(found.count <= 16 && found.lost.allSatisfy { (1...16).contains($0) })
        let tables = SalvagedTables(found)
        var rows = 0
        for name in ["t", "u", "sqlite_schema"] { rows += tables.table(name)?.rows.count ?? 0 }
        tables.passOver(except: ["u"])
        for stray in tables.strays() { rows += stray.rows.count }
        precondition(rows <= 25 * 4056, "more rows than bytes")
    } catch {
        precondition(error is VaultError, "not an error of the store: \(error)")
    }
    return 0
}

private let vaultKey = [UInt8](repeating: 7, count: 32)
private let id = [UInt8](repeating: 9, count: 8)
private let salt = [1, 2, 3, 4, 5, 6, 7, 8] as [UInt8]

private let folder: StoreFolder = {
    let path = "/dev/shm/attune-fuzz-\(getpid())"
    mkdir(path, 0o700)
    return StoreFolder(resolved: path)
}()

private let pageKey: [UInt8] = {
    let root = KeyDerivation.subkey(of: SecretBytes(copying: vaultKey), id: 1, context: "ATdbroot")
    var (page, sum) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 16))
    root.withUnsafeBytes { sealed_page_keys($0.bindMemory(to: UInt8.self).baseAddress, id, &page, &sum) }
    return page
}()

/// A page of which the input says the start, the middle and the end.
private func content(_ input: inout ArraySlice<UInt8>) -> [UInt8] {
    var page = [UInt8](repeating: 0, count: 4096)
    for (start, length) in [(0, 256), (2000, 64), (3864, 192)] {
        let piece = input.prefix(length)
        page.replaceSubrange(start..<start + piece.count, with: piece)
        input = input.dropFirst(length)
    }
    return page
}

private func sealed(_ page: [UInt8], _ number: UInt32, _ kind: Int32) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 4096)
    sealed_page_seal(pageKey, id, kind, number, [UInt8](repeating: 3, count: 24), page, &out)
    return out
}
