// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a simulated entry says in its sealed bytes.
struct SimulatedPayload {
    enum Content {
        case note
        /// A version of an adapter, by the name that this has there. Its chunks stand in the entry.
        case version(adapter: AdapterID, id: VersionID, name: String)
        case name(adapter: AdapterID, String)
    }

    /// Bytes that tell it from every other one.
    static let tagBytes = 40
    let tag: [UInt8]
    let content: Content

    var bytes: [UInt8] {
        switch content {
        case .note: tag + [0]
        case .version(let adapter, let id, let name):
            tag + [1] + adapter.bytes + id.bytes + [UInt8(name.utf8.count)] + name.utf8
        case .name(let adapter, let name): tag + [2] + adapter.bytes + [UInt8(name.utf8.count)] + name.utf8
        }
    }

    init(tag: [UInt8], _ content: Content) {
        self.tag = tag
        self.content = content
    }

    static func tag(of bytes: [UInt8]) -> [UInt8] { Array(bytes.prefix(tagBytes)) }

    /// What is not of these kinds says nothing.
    init(parsing bytes: [UInt8]) {
        tag = Self.tag(of: bytes)
        let rest = bytes.dropFirst(Self.tagBytes)
        func name(_ from: Int) -> String? {
            let rest = rest.dropFirst(from)
            return rest.first.map { String(decoding: rest.dropFirst().prefix(Int($0)), as: UTF8.self) }
        }
        let adapter = AdapterID(rest.dropFirst().prefix(16))
        switch (rest.first, adapter) {
        case (1, let adapter?):
            let id = VersionID(rest.dropFirst(17).prefix(32))
            content = id.flatMap { id in name(49).map { .version(adapter: adapter, id: id, name: $0) } } ?? .note
        case (2, let adapter?): content = name(17).map { .name(adapter: adapter, $0) } ?? .note
        default: content = .note
        }
    }

    /// The id of the version that these chunks hold: only they give it.
    static func version(of chunks: [ChunkID]) -> VersionID {
        VersionID(WireHash.blake2b(chunks.flatMap(\.bytes), personal: "version"))
    }
}
