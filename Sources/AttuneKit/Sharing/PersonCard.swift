// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf

/// What one person gives to another to be sent adapters: the links of their circle, with public keys and no names.
///
/// File: `ATCARD01`, then the serialised `Links` message.
package struct PersonCard: Sendable {
    private static let magic = Array("ATCARD01".utf8)
    private static let byteLimit = 64 << 20

    /// The circle, every link verified.
    package let chain: DeviceChain
    let encodedLinks: [UInt8]

    init(links: [[UInt8]]) throws {
        chain = try DeviceChain(verifying: links)
        encodedLinks = try ProtoLinks.with { message in
            message.links = try links.map { try Link(parsing: $0).signed }
        }.serializedBytes()
    }

    /// Reads what `encodedLinks` holds, all of it verified again.
    ///
    /// - Throws: `KitError` E-SHARE-001, `WireError`.
    init(encodedLinks bytes: [UInt8]) throws { try self.init(links: Self.links(bytes)) }

    /// The links in what `encodedLinks` holds, each by itself; none is verified.
    static func links(_ encoded: [UInt8]) throws -> [[UInt8]] {
        guard encoded.count <= byteLimit, let message = try? ProtoLinks(parsing: encoded) else {
            throw KitError.notACard
        }
        return try message.links.map { try Link($0).bytes }
    }

    /// Reads a card that `bytes` gave.
    ///
    /// - Throws: as `init(encodedLinks:)`.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= Self.byteLimit, bytes.starts(with: Self.magic) else { throw KitError.notACard }
        try self.init(encodedLinks: Array(bytes[Self.magic.count...]))
    }

    /// Whether this card takes the place of another one of the same circle: it goes on after that one's links, or is of
    /// a branch that counts in place of it.
    func follows(_ known: PersonCard) throws -> Bool {
        let (old, new) = (try Self.links(known.encodedLinks), try Self.links(encodedLinks))
        let common = zip(old, new).prefix { $0 == $1 }.count
        guard common < old.count else { return true }
        guard common < new.count else { return false }
        return known.chain.yields(
            to: chain, from: try Link(parsing: old[common]), and: try Link(parsing: new[common]))
    }

    /// The file.
    package var bytes: [UInt8] { Self.magic + encodedLinks }
}
