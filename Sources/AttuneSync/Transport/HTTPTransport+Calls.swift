// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import NIOHTTP1
import SwiftProtobuf

/// The routes of `schemas/relay.openapi.yaml`.
extension HTTPTransport {
    private var path: String { "/v1/circles/\(circle)" }

    package func frontier() async throws -> RemoteFrontier {
        let message: ProtoFrontier = try decode(try await send(call(.GET, path + "/frontier")).body)
        // Devices that ever were, with room for those that nobody knows.
        guard message.heads.count <= Int(WireLimits.links) else { throw RemoteFailure.malformed("too many heads") }
        var heads: [DeviceID: LogPosition] = [:]
        for item in message.heads {
            guard let device = DeviceID(item.device), let hash = EntryHash(item.entry),
                (1...WireLimits.counter).contains(item.seq)
            else { throw RemoteFailure.malformed("a head") }
            heads[device] = LogPosition(seq: item.seq, hash: hash)
        }
        guard let link = LinkHash(message.link), (1...WireLimits.links).contains(message.linkSeq) else {
            throw RemoteFailure.malformed("the newest link")
        }
        guard message.chunkGeneration <= UInt64(Int64.max) else { throw RemoteFailure.malformed("a generation") }
        return RemoteFrontier(
            heads: heads, linkSeq: message.linkSeq, link: link, bytesUsed: message.bytesUsed,
            bytesLimit: message.bytesLimit, chunkGeneration: message.chunkGeneration)
    }

    package func links(after seq: UInt64) async throws -> (links: [[UInt8]], more: Bool) {
        // A page has 4 MiB and one link; relays from before pages give all at once.
        let answer = try await send(call(.GET, path + "/links", query: "after=\(seq)"), limit: 64 << 20)
        guard let message = try? ProtoLinks(parsing: answer.body) else { throw RemoteFailure.malformed("links") }
        return (try message.links.map { try $0.serializedBytes() }, message.more)
    }

    /// The whole chain, page by page: each page is verified before the next one is asked for, so that a remote cannot make
    /// up more than there is. What does not hold is the last that is given.
    package func allLinks() async throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        var chain: DeviceChain?
        while true {
            let page = try await links(after: UInt64(all.count))
            all += page.links
            guard page.more, !page.links.isEmpty else { return all }
            do {
                let start = chain
                chain = try await BlockingWork.run { [circle] in
                    var next = start
                    for bytes in page.links {
                        let link = try Link(parsing: bytes)
                        if next == nil { next = try DeviceChain(genesis: link) } else { try next?.append(link) }
                    }
                    return next?.circle == circle ? next : nil
                }
                guard chain != nil else { return all }
            } catch is WireError {
                return all
            }
        }
    }

    package func push(links: [[UInt8]], previous: LinkHash) async throws {
        try await push(links, after: previous, query: nil)
    }

    package func push(branch: [[UInt8]], parting: LinkHash) async throws {
        try await push(branch, after: parting, query: "branch=1")
    }

    private func push(_ links: [[UInt8]], after previous: LinkHash, query: String?) async throws {
        var message = ProtoLinks()
        message.links = try links.map { try ProtoSignedLink(serializedBytes: $0) }
        let body: [UInt8] = try message.serializedBytes()
        _ = try await send(
            call(.POST, path + "/links", query: query, body: body, fields: [("If-Match", "\"\(previous)\"")]))
    }

    package func entries(
        of device: DeviceID, after seq: UInt64, limit: Int
    ) async throws -> (entries: [[UInt8]], more: Bool) {
        let query = "device=\(device)&after=\(seq)&limit=\(limit)"
        let message: ProtoEntries = try decode(
            try await send(call(.GET, path + "/entries", query: query)).body)
        // One more where a fork would be cut.
        guard message.entries.count <= limit + 1 else { throw RemoteFailure.malformed("more entries than asked for") }
        return (message.entries.map { Array($0) }, message.more)
    }

    package func push(entries: [[UInt8]]) async throws -> [ProtoPushOutcome] {
        var message = ProtoEntries()
        message.entries = entries.map { Data($0) }
        let body: [UInt8] = try message.serializedBytes()
        let answer = try await send(call(.POST, path + "/entries", body: body), also: [409])
        let result: ProtoPushResult = try decode(answer.body)
        guard result.outcomes.count == entries.count else {
            // A conflict that is no outcome of entries.
            throw answer.status == 409 ? RemoteFailure.conflict : .malformed("outcomes")
        }
        return result.outcomes
    }

    package func missingChunks(among ids: [ChunkID], ifNamed: Bool) async throws -> [ChunkID] {
        var message = ProtoChunkIDs()
        message.ids = ids.map { Data($0.bytes) }
        let body: [UInt8] = try message.serializedBytes()
        let answer: ProtoChunkIDs = try decode(
            try await send(
                call(.POST, path + "/chunks/missing", query: ifNamed ? "named=1" : nil, body: body)
            ).body)
        let missing = answer.ids.compactMap { ChunkID($0) }
        guard missing.count == answer.ids.count, missing.count <= WireLimits.chunkIDsPerQuery else {
            throw RemoteFailure.malformed("ids of chunks")
        }
        return missing
    }

    package func upload(_ id: ChunkID, bytes: [UInt8]) async throws {
        _ = try await send(
            call(.PUT, path + "/chunks/\(id)", body: bytes, type: "application/octet-stream"), limit: 64 << 10,
            seconds: deadlines.chunk)
    }

    package func download(_ id: ChunkID) async throws -> [UInt8] {
        let answer = try await send(
            call(.GET, path + "/chunks/\(id)"), limit: WireLimits.chunkBytes, seconds: deadlines.chunk)
        guard WireLimits.isChunk(answer.body.count) else {
            throw RemoteFailure.malformed("a chunk of \(answer.body.count) bytes")
        }
        return answer.body
    }

    /// Opens the circle at this relay with its first links; one that is there already is as good.
    ///
    /// - Parameters:
    ///   - links: from the first one on, up to where this device is in the circle.
    ///   - invite: the word that an operator gave out; nil if none is needed.
    /// - Throws: `RemoteFailure`.
    package func createCircle(links: [[UInt8]], invite: String?) async throws {
        var message = ProtoCreateCircle()
        let links = try links.map { try ProtoSignedLink(serializedBytes: $0) }
        if let genesis = links.first { message.genesis = genesis }
        message.links = Array(links.dropFirst())
        message.invite = invite ?? ""
        let body: [UInt8] = try message.serializedBytes()
        // Said before the body too: a relay reads no body of a stranger whose invite it does not know.
        let fields = invite.map { [("Attune-Invite", $0)] } ?? []
        _ = try await send(call(.POST, "/v1/circles", body: body, fields: fields), also: [409])
    }

    /// Has the relay mark the circle as deleted.
    ///
    /// - Parameter second: another device's, or the recovery words', signature of `SignedText.delete`.
    /// - Returns: unix seconds at which it goes for good; nil if the relay does not say.
    /// - Throws: `RemoteFailure`.
    package func deleteCircle(second: (device: DeviceID, signature: [UInt8])) async throws -> Int64? {
        var message = ProtoDeleteCircle()
        message.secondSigner = Data(second.device.bytes)
        message.secondSignature = Data(second.signature)
        let body: [UInt8] = try message.serializedBytes()
        let answer = try await send(call(.DELETE, path, body: body))
        return answer.fields.first(name: "Attune-Deleted-Until").flatMap { Int64($0) }
    }

    /// Brings the circle back to the relay, if it was deleted not too long ago.
    ///
    /// - Throws: `RemoteFailure`.
    package func undeleteCircle() async throws {
        _ = try await send(call(.POST, path + "/undelete"))
    }

    private func decode<Message: SwiftProtobuf.Message>(_ body: [UInt8]) throws -> Message {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 8
        options.discardUnknownFields = true
        do {
            return try Message(serializedBytes: body, options: options)
        } catch {
            throw RemoteFailure.malformed("no \(Message.protoMessageName)")
        }
    }
}
