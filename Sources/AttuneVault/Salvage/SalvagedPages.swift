// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import CSealedVFS
import Foundation

/// The pages of a damaged database that still open, from its file and from the log beside it.
///
/// Each page is read from the disk when it is asked for. Of a page that several frames of the log hold, the newest one
/// counts whose transaction was committed; if it does not open, an earlier one stands in and the page is stale.
final class SalvagedPages {
    static let size = Int(SEALED_PAGE_SIZE)
    /// Bytes of a page that hold anything.
    static let usable = Int(SEALED_PAYLOAD_SIZE)

    /// Pages that the database has.
    private(set) var count = 0
    /// Pages of which nothing opens.
    private(set) var lost: Set<Int> = []
    /// Pages of which only an earlier content opens.
    private(set) var stale: Set<Int> = []
    /// Frames of the log that belong to committed transactions, and those of them that do not open, counted from 1.
    private(set) var frames = 0
    private(set) var lostFrames: [Int] = []

    private let database: Int32
    private let log: Int32
    private let id: [UInt8]
    private let pageKey: SecretBytes
    /// Where in the log the content of a page stands.
    private var places: [Int: Int] = [:]

    /// Opens what is there; neither file is written to, and neither may be in use.
    ///
    /// - Throws: `VaultError` E-VAULT-005 if not one page opens under this key.
    init(_ folder: StoreFolder, vaultKey: borrowing SecretBytes) throws {
        database = Foundation.open(folder.database, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        log = Foundation.open(folder.databaseLog, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        let root = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATdbroot")
        guard let id = Self.identify(database, log, root: root) else {
            for file in [database, log] where file >= 0 { close(file) }
            throw VaultError.damaged("no page of attune.db or of its log opens")
        }
        self.id = id
        pageKey = SecretBytes.pageKey(root: root, id: id)
        let filed = Self.length(of: database) / Self.size
        let committed = scanLog()
        let highest = max(filed, places.keys.max() ?? 0)
        count = committed.map { (1...max(highest, 1)).contains($0) ? $0 : highest } ?? highest
        for number in stride(from: 1, through: count, by: 1) where number != Self.lockPage {
            if page(number) == nil { lost.insert(number) }
        }
        stale.subtract(lost)
        stale = stale.filter { $0 <= count }
    }

    deinit {
        for file in [database, log] where file >= 0 { close(file) }
    }

    /// SQLite never writes the page of its lock bytes.
    private static let lockPage = 0x4000_0000 / size + 1

    /// The content of a page as SQLite wrote it; nil if it does not open.
    func page(_ number: Int) -> [UInt8]? {
        guard number >= 1, number <= max(count, 1) || places[number] != nil, let number32 = UInt32(exactly: number)
        else { return nil }
        if let place = places[number] {
            return Self.read(log, at: place, count: Self.size).flatMap { open($0, SEALED_KIND_WAL, number32) }
        }
        return Self.read(database, at: (number - 1) * Self.size, count: Self.size).flatMap {
            open($0, SEALED_KIND_DATABASE, number32)
        }
    }

    private func open(_ sealed: [UInt8], _ kind: Int, _ number: UInt32) -> [UInt8]? {
        Self.open(sealed, kind, number, key: pageKey, id: id)
    }
}

// MARK: The log

extension SalvagedPages {
    /// Finds the newest content of each page in the log; the size of the database after the last commit, if there is one.
    private func scanLog() -> Int? {
        let total = max(0, (Self.length(of: log) - SealedLog.header) / SealedLog.frame)
        let headers = (0..<total).map { index in
            Self.read(log, at: SealedLog.header + index * SealedLog.frame, count: SealedLog.frameHeader)
                ?? Self.unreadable
        }
        // Frames behind the last one of this salt are left from an earlier use of the file.
        guard let salt = Self.salt(of: log, headers),
            let last = headers.lastIndex(where: { Self.salt($0) == salt && Self.number($0, at: 4) != 0 })
        else { return nil }
        frames = last + 1
        for index in 0...last {
            let place = SealedLog.header + index * SealedLog.frame + SealedLog.frameHeader
            let named = Self.number(headers[index], at: 0)
            guard let sealed = Self.read(log, at: place, count: Self.size),
                let number = Self.nearby(named).first(where: { open(sealed, SEALED_KIND_WAL, $0) != nil })
            else {
                lostFrames.append(index + 1)
                // An earlier content of the page stands in, if its number is what the header says.
                stale.insert(Int(named))
                continue
            }
            places[Int(number)] = place
            stale.remove(Int(number))
        }
        return Int(Self.number(headers[last], at: 4))
    }

    /// The salt of the log's header, or, if hardly any frame has it, the one that most frames have.
    private static func salt(of log: Int32, _ headers: [[UInt8]]) -> [UInt8]? {
        var counts: [[UInt8]: Int] = [:]
        for header in headers where header != unreadable { counts[salt(header), default: 0] += 1 }
        let own = read(log, at: 16, count: 8)
        if let own, counts[own] != nil { return own }
        // The first frame is never left from an earlier use.
        return headers.first.map(salt).flatMap { counts[$0, default: 0] > 1 ? $0 : nil }
            ?? counts.max { $0.value < $1.value }?.key
    }

    private static func salt(_ header: [UInt8]) -> [UInt8] { Array(header[8..<16]) }

    /// Stands for the header of a frame that the disk does not give: of no page and no use of the file.
    private static let unreadable = [UInt8](repeating: 0, count: SealedLog.frameHeader)

    /// A page number, and those that one inverted bit would make of it.
    private static func nearby(_ number: UInt32) -> [UInt32] {
        ([number] + (0..<32).map { number ^ 1 << UInt32($0) }).filter { $0 != 0 }
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

// MARK: Sealed bytes

extension SalvagedPages {
    /// Finds the database id under which pages open: that of page 1, also with one inverted bit, or that of the log.
    private static func identify(
        _ database: Int32, _ log: Int32, root: borrowing SecretBytes
    ) -> [UInt8]? {
        var candidates: [[UInt8]] = []
        if let id = read(database, at: 8, count: 8) {
            candidates.append(id)
            for bit in 0..<64 {
                var changed = id
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                candidates.append(changed)
            }
        }
        let frames = max(0, (length(of: log) - SealedLog.header) / SealedLog.frame)
        for index in 0..<min(frames, 4096) {
            let place = SealedLog.header + index * SealedLog.frame
            guard let header = read(log, at: place, count: 4), number(header, at: 0) == 1,
                let id = read(log, at: place + SealedLog.frameHeader + 8, count: 8), !candidates.contains(id)
            else { continue }
            candidates.append(id)
        }
        // Any of the first pages or frames tells.
        let samples =
            (1...64).compactMap { page in
                read(database, at: (page - 1) * size, count: size).map { ($0, SEALED_KIND_DATABASE, UInt32(page)) }
            }
            + (0..<min(frames, 64)).compactMap { index in
                let place = SealedLog.header + index * SealedLog.frame
                guard let header = read(log, at: place, count: 4),
                    let bytes = read(log, at: place + SealedLog.frameHeader, count: size)
                else { return nil }
                return (bytes, SEALED_KIND_WAL, number(header, at: 0))
            }
        for id in candidates {
            let key = SecretBytes.pageKey(root: root, id: id)
            if samples.contains(where: { open($0.0, $0.1, $0.2, key: key, id: id) != nil }) { return id }
        }
        return nil
    }

    private static func open(
        _ sealed: [UInt8], _ kind: Int, _ number: UInt32, key: borrowing SecretBytes, id: [UInt8]
    ) -> [UInt8]? {
        var sealed = sealed
        // Magic and id stand in the clear, and a bit of theirs is not what the rest depends on.
        if number == 1 { sealed.replaceSubrange(0..<16, with: Array("ATTUNDB".utf8) + [1] + id) }
        var page = [UInt8](repeating: 0, count: size)
        let code = key.withUnsafeBytes { key in
            sealed_page_open(key.bindMemory(to: UInt8.self).baseAddress, id, Int32(kind), number, sealed, &page)
        }
        return code == 0 ? page : nil
    }

    private static func length(of file: Int32) -> Int { RegularFile.byteCount(file) ?? 0 }

    private static func read(_ file: Int32, at offset: Int, count: Int) -> [UInt8]? {
        guard file >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(file, &bytes, count, off_t(offset)) == count ? bytes : nil
    }
}

extension SecretBytes {
    /// The key of the pages of a database with this id.
    fileprivate static func pageKey(root: borrowing SecretBytes, id: [UInt8]) -> SecretBytes {
        var page = SecretBytes(count: 32)
        var sum = SecretBytes(count: 16)
        root.withUnsafeBytes { root in
            page.withUnsafeMutableBytes { page in
                sum.withUnsafeMutableBytes { sum in
                    sealed_page_keys(
                        root.bindMemory(to: UInt8.self).baseAddress, id,
                        page.bindMemory(to: UInt8.self).baseAddress, sum.bindMemory(to: UInt8.self).baseAddress)
                }
            }
        }
        return page
    }
}
