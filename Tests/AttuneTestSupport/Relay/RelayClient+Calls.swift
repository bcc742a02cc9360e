// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

extension RelayClient {
    package func create(_ genesis: Link, _ links: [Link] = [], invite: String = "") async throws -> Answer {
        var message = ProtoCreateCircle()
        message.genesis = genesis.signed
        message.links = links.map(\.signed)
        message.invite = invite
        let fields = invite.isEmpty ? [] : [("Attune-Invite", invite)]
        return try await send("POST", "/v1/circles", message: message, fields: fields)
    }

    package func append(_ links: [Link], after: LinkHash) async throws -> Answer {
        try await post(links, to: "/links", after: after)
    }

    /// Brings a branch in place of what follows there.
    package func replace(with branch: [Link], after parting: LinkHash) async throws -> Answer {
        try await post(branch, to: "/links?branch=1", after: parting)
    }

    private func post(_ links: [Link], to path: String, after: LinkHash) async throws -> Answer {
        var message = ProtoLinks()
        message.links = links.map(\.signed)
        return try await send("POST", home + path, message: message, fields: [("If-Match", "\"\(after)\"")])
    }

    package func push(_ entries: [Entry]) async throws -> Answer {
        var message = ProtoEntries()
        message.entries = entries.map { Data($0.bytes) }
        return try await send("POST", home + "/entries", message: message)
    }

    /// Pushes entries and returns what became of each.
    package func outcomes(_ entries: [Entry]) async throws -> [ProtoPushOutcome] {
        try await push(entries).message(ProtoPushResult.self).outcomes
    }

    package func release(_ entry: Entry) async throws -> Answer {
        var message = ProtoEntries()
        message.entries = [Data(entry.bytes)]
        return try await send("POST", home + "/release", message: message)
    }

    package func entries(_ query: String = "") async throws -> ProtoEntries {
        try await send("GET", home + "/entries" + query).message()
    }

    package func frontier() async throws -> ProtoFrontier { try await send("GET", home + "/frontier").message() }

    package func links(_ query: String = "") async throws -> ProtoLinks {
        try await send("GET", home + "/links" + query).message()
    }

    /// Deletes the circle, with the signature of a second device if there is one.
    package func delete(second: SyntheticDevice? = nil, newest: LinkHash) async throws -> Answer {
        var message = ProtoDeleteCircle()
        if let second, let circle {
            message.secondSigner = Data(second.id.bytes)
            message.secondSignature = Data(second.sign(SignedText.delete(circle: circle, newest: newest)))
        }
        return try await send("DELETE", home, message: message)
    }

    package func put(_ chunk: (id: ChunkID, bytes: [UInt8])) async throws -> Answer {
        try await send(
            "PUT", home + "/chunks/\(chunk.id)", body: chunk.bytes,
            fields: [("Content-Type", "application/octet-stream")])
    }

    package func get(_ chunk: ChunkID) async throws -> Answer { try await send("GET", home + "/chunks/\(chunk)") }

    /// Those of the chunks that the relay does not have.
    package func missing(_ chunks: [ChunkID]) async throws -> [ChunkID] {
        var message = ProtoChunkIDs()
        message.ids = chunks.map { Data($0.bytes) }
        let answer = try await send("POST", home + "/chunks/missing", message: message)
        return try answer.message(ProtoChunkIDs.self).ids.compactMap { ChunkID($0) }
    }
}
