// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// One page of a table or an index, as SQLite's file format lays it out (https://www.sqlite.org/fileformat2.html, §1.6).
///
/// Bytes come from pages that opened, so their writer was SQLite; still nothing here trusts an offset or a length.
struct BTreePage {
    enum Kind: UInt8 {
        case indexInterior = 0x02
        case tableInterior = 0x05
        case indexLeaf = 0x0A
        case tableLeaf = 0x0D
    }

    /// A row or an entry of an index, its bytes not yet put together.
    struct Cell {
        let rowid: Int64?
        let length: Int
        let local: [UInt8]
        /// The first page of the rest; 0 if there is none.
        let overflow: Int
    }

    let kind: Kind
    /// Pages below, in order.
    private(set) var children: [Int] = []
    private(set) var cells: [Cell] = []

    /// Fails for a page that is none of a table or an index.
    ///
    /// - Parameter number: page 1 begins with the header of the database.
    init?(_ page: [UInt8], number: Int) {
        let start = number == 1 ? 100 : 0
        guard page.count == SalvagedPages.size, let kind = Kind(rawValue: page[start]) else { return nil }
        self.kind = kind
        let isInterior = kind == .indexInterior || kind == .tableInterior
        let count = Int(page[start + 3]) << 8 | Int(page[start + 4])
        let pointers = start + (isInterior ? 12 : 8)
        guard pointers + 2 * count <= SalvagedPages.usable else { return nil }
        for index in 0..<count {
            let pointer = pointers + 2 * index
            var reader = Reader(bytes: page, offset: Int(page[pointer]) << 8 | Int(page[pointer + 1]))
            if isInterior {
                guard let child = reader.number() else { return nil }
                children.append(child)
            }
            guard kind != .tableInterior else { continue }
            guard let length = reader.varint(), let cell = Self.cell(kind, length, &reader) else { return nil }
            cells.append(cell)
        }
        if isInterior {
            var reader = Reader(bytes: page, offset: start + 8)
            guard let right = reader.number() else { return nil }
            children.append(right)
        }
    }

    private static func cell(_ kind: Kind, _ length: Int64, _ reader: inout Reader) -> Cell? {
        guard let length = Int(exactly: length), length >= 0, length <= 1 << 30 else { return nil }
        var rowid: Int64?
        if kind == .tableLeaf {
            rowid = reader.varint()
            guard rowid != nil else { return nil }
        }
        let usable = SalvagedPages.usable
        let most = kind == .tableLeaf ? usable - 35 : (usable - 12) * 64 / 255 - 23
        var local = length
        if length > most {
            let least = (usable - 12) * 32 / 255 - 23
            local = least + (length - least) % (usable - 4)
            if local > most { local = least }
        }
        guard let bytes = reader.bytes(local) else { return nil }
        guard length > local else { return Cell(rowid: rowid, length: length, local: bytes, overflow: 0) }
        guard let overflow = reader.number() else { return nil }
        return Cell(rowid: rowid, length: length, local: bytes, overflow: overflow)
    }

    /// Reads numbers out of bytes, never past their end.
    struct Reader {
        let bytes: [UInt8]
        var offset: Int

        /// SQLite's number of one to nine bytes.
        mutating func varint() -> Int64? {
            var value: UInt64 = 0
            for position in 0..<9 {
                guard offset < bytes.count else { return nil }
                let byte = bytes[offset]
                offset += 1
                if position == 8 { return Int64(bitPattern: value << 8 | UInt64(byte)) }
                value = value << 7 | UInt64(byte & 0x7F)
                if byte & 0x80 == 0 { return Int64(bitPattern: value) }
            }
            return nil
        }

        mutating func number() -> Int? { bytes(4).map { $0.reduce(0) { $0 << 8 | Int($1) } } }

        mutating func bytes(_ count: Int) -> [UInt8]? {
            guard count >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
            defer { offset += count }
            return Array(bytes[offset..<offset + count])
        }
    }
}

/// The values of one row.
enum SQLiteRecord {
    /// Reads a record in SQLite's format; nil if the bytes are none.
    static func values(_ bytes: [UInt8]) -> [DatabaseValue]? {
        var reader = BTreePage.Reader(bytes: bytes, offset: 0)
        guard let header = reader.varint().flatMap(Int.init(exactly:)), header >= 1, header <= bytes.count else {
            return nil
        }
        var types: [Int64] = []
        while reader.offset < header {
            guard let type = reader.varint() else { return nil }
            types.append(type)
        }
        reader.offset = header
        var values: [DatabaseValue] = []
        for type in types {
            guard let value = value(type, &reader) else { return nil }
            values.append(value)
        }
        return values
    }

    private static func value(_ type: Int64, _ reader: inout BTreePage.Reader) -> DatabaseValue? {
        switch type {
        case 0: return .null
        case 1...6:
            guard let bytes = reader.bytes([1, 2, 3, 4, 6, 8][Int(type) - 1]) else { return nil }
            let sign: UInt64 = bytes[0] & 0x80 == 0 ? 0 : .max
            return Int64(bitPattern: bytes.reduce(sign) { $0 << 8 | UInt64($1) }).databaseValue
        case 7:
            guard let bytes = reader.bytes(8) else { return nil }
            return Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) }).databaseValue
        case 8: return Int64(0).databaseValue
        case 9: return Int64(1).databaseValue
        case 12...:
            guard let count = Int(exactly: (type - 12) / 2), let bytes = reader.bytes(count) else { return nil }
            if type % 2 == 0 { return Data(bytes).databaseValue }
            return String(validating: bytes, as: UTF8.self)?.databaseValue
        default: return nil
        }
    }
}
