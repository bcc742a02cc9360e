// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneWire
import NIOCore
import NIOHTTP1
import SwiftProtobuf
import Synchronization

/// Waiting for news: a stream of events, or a long poll where something on the way holds streams back.
extension HTTPTransport {
    /// Seconds in which a stream says its first counts, and in which it shows that it is alive.
    private static let firstEvent = 15.0
    private static let streamSeconds = 300.0
    private static let quietSeconds = 90.0
    private static let pollSeconds = 55

    package func news(after known: RemoteCounters?) async throws -> RemoteCounters {
        if !pollsForNews {
            do {
                if let counters = try await streamedNews(after: known) { return counters }
            } catch RemoteFailure.timedOut {
                pollsForNews = true
            }
        }
        return try await polledNews(after: known)
    }

    private func polledNews(after known: RemoteCounters?) async throws -> RemoteCounters {
        var query = "wait=\(known == nil ? 0 : Self.pollSeconds)"
        if let known { query += "&links=\(known.links)&entries=\(known.entries)" }
        let answer = try await send(
            call(.GET, "/v1/circles/\(circle)/events", query: query), limit: 4096,
            seconds: Double(Self.pollSeconds) + 30)
        guard let message = try? ProtoCounters(serializedBytes: answer.body) else {
            throw RemoteFailure.malformed("counters")
        }
        return RemoteCounters(links: message.links, entries: message.entries)
    }

    /// The first counts that differ from `known`; nil if the remote does not stream.
    private func streamedNews(after known: RemoteCounters?) async throws -> RemoteCounters? {
        let call = call(.GET, "/v1/circles/\(circle)/events", accept: "text/event-stream")
        let client = client
        let response = try await Deadline.run(seconds: Self.firstEvent) {
            try await client.execute(
                try self.signed(call), timeout: .seconds(Int64(Self.streamSeconds + Self.quietSeconds)))
        }
        guard response.status == .ok else {
            let body = try await Deadline.run(seconds: Self.firstEvent) {
                Array(try await response.body.collect(upTo: 16 << 10).readableBytesView)
            }
            throw RemoteFailure(status: response.status.code, fields: response.headers, body: body, now: 0)
        }
        guard response.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true else { return nil }
        let hasCounts = Atomic(false)
        do {
            return try await Deadline.run(
                seconds: Self.streamSeconds + Self.quietSeconds,
                sign: (Self.firstEvent, { hasCounts.load(ordering: .relaxed) })
            ) {
                var parser = EventStreamParser()
                var (links, entries): (UInt64?, UInt64?) = (nil, nil)
                let began = ContinuousClock.now
                for try await part in response.body {
                    for event in try parser.take(part.readableBytesView) {
                        switch event {
                        case .links(let count): links = count
                        case .entries(let count): entries = count
                        }
                    }
                    guard let links, let entries else { continue }
                    hasCounts.store(true, ordering: .relaxed)
                    let counters = RemoteCounters(links: links, entries: entries)
                    if counters != known || .now - began > .seconds(Self.streamSeconds) { return counters }
                }
                throw RemoteFailure.unreachable("the stream of events ended")
            }
        } catch RemoteFailure.timedOut where hasCounts.load(ordering: .relaxed) {
            // Nothing holds streams back here: the remote is away.
            throw RemoteFailure.unreachable("the stream of events fell silent")
        }
    }
}
