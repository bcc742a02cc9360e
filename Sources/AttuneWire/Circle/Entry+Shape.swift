// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation

/// Numbers, counts and order of a header's fields.
extension Entry {
    func checkNumbers() throws {
        guard (1...WireLimits.counter).contains(seq), (1...WireLimits.counter).contains(lamport), lamport >= seq else {
            throw WireError.entry("number or clock")
        }
        guard (previous == .zero) == (seq == 1) else { throw WireError.entry("entry before") }
        guard epoch >= 1, UInt64(epoch) <= WireLimits.links else { throw WireError.entry("key epoch") }
        guard Self.isAscending(parents) else { throw WireError.entry("order of parents") }
        guard Self.isAscending(released) else { throw WireError.entry("order of released entries") }
        switch kind {
        case .version, .share:
            guard !chunks.isEmpty, released.isEmpty else { throw WireError.entry("chunks") }
        case .change:
            guard chunks.isEmpty, released.isEmpty else { throw WireError.entry("a change with chunks") }
        case .release:
            guard chunks.isEmpty, !released.isEmpty else { throw WireError.entry("a release of nothing") }
        case .unspecified, .UNRECOGNIZED:
            throw WireError.unknownVersion("an entry")
        }
    }

    static func ids<Kind>(_ items: [Data], limit: Int, _ what: String) throws -> [Identifier<Kind>] {
        guard items.count <= limit else { throw WireError.entry("more than \(limit) \(what)") }
        return try items.map { item in
            guard let id = Identifier<Kind>(item) else { throw WireError.entry(what) }
            return id
        }
    }

    static func positions(_ items: [ProtoSeen], author: DeviceID) throws -> [DeviceID: LogPosition] {
        guard items.count <= WireLimits.frontier else {
            throw WireError.entry("more than \(WireLimits.frontier) devices in the frontier")
        }
        guard Link.isAscending(items.map(\.device)) else { throw WireError.entry("order of the frontier") }
        var frontier: [DeviceID: LogPosition] = [:]
        for item in items {
            guard let device = DeviceID(item.device), device != author, let hash = EntryHash(item.entry),
                (1...WireLimits.counter).contains(item.seq)
            else { throw WireError.entry("frontier") }
            frontier[device] = LogPosition(seq: item.seq, hash: hash)
        }
        return frontier
    }

    private static func isAscending(_ items: [EntryHash]) -> Bool {
        zip(items, items.dropFirst()).allSatisfy { $0 < $1 }
    }
}
