// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird
import ServiceLifecycle

extension RelayRoutes {
    @Sendable func events(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, _) = try await call(request, context)
        let device = caller.device.id
        guard service.streams.take(device) else { throw RelayError.tooMany("event streams at once", retryAfter: 5) }
        // Subscribed before the counts are read: a change in between is a signal.
        let subscription = service.hub.subscribe(circle)
        let end = AtEnd { [service] in
            service.hub.unsubscribe(subscription)
            service.streams.give(device)
        }
        let counters = try await service.store.counters(of: circle)
        if request.uri.queryParameters["wait"] == nil {
            return stream(subscription, from: counters, of: circle, to: device, end: end, service.isGone(context))
        }
        defer { withExtendedLifetime(end) {} }
        return try await poll(request, subscription, counters)
    }

    /// Answers once the counts are others than those that the client names, or after `wait` seconds.
    private func poll(
        _ request: Request, _ subscription: EventHub.Subscription, _ counters: RelayCounters
    ) async throws -> Response {
        let seconds = min(try number("wait", request, fallback: 0), UInt64(limits.waitSeconds))
        let known = RelayCounters(
            links: try number("links", request, fallback: counters.links),
            entries: try number("entries", request, fallback: counters.entries))
        var latest = counters
        if latest == known, seconds > 0 {
            let timer = Task {
                try await Task.sleep(for: .seconds(Double(seconds)))
                subscription.finish()
            }
            defer { timer.cancel() }
            await withGracefulShutdownHandler {
                for await signal in subscription.signals {
                    if case .counters(let counters) = signal, counters != known {
                        latest = counters
                        break
                    }
                }
            } onGracefulShutdown: {
                subscription.finish()
            }
        }
        return try Bodies.answer(latest.message, to: request)
    }

    /// Server-sent events: `links` and `entries`, each with its count.
    private func stream(
        _ subscription: EventHub.Subscription, from counters: RelayCounters, of circle: CircleID,
        to device: DeviceID, end: AtEnd, _ isGone: @escaping @Sendable () -> Bool
    ) -> Response {
        let service = service
        let body = ResponseBody { writer in
            defer { withExtendedLifetime(end) {} }
            var sent = counters
            try await writer.write(Self.event(links: sent.links, entries: sent.entries))
            try await withGracefulShutdownHandler {
                for await signal in subscription.signals {
                    guard case .counters(let counters) = signal, counters != sent else {
                        try await writer.write(ByteBuffer(string: ": \n\n"))
                        continue
                    }
                    if counters.links != sent.links {
                        guard let known = try await service.chains.circle(circle, isGone: isGone),
                            known.deletedUntil == nil,
                            known.chain.devices[device]?.isActive == true
                        else { break }
                    }
                    try await writer.write(
                        Self.event(
                            links: counters.links != sent.links ? counters.links : nil,
                            entries: counters.entries != sent.entries ? counters.entries : nil))
                    sent = counters
                }
            } onGracefulShutdown: {
                subscription.finish()
            }
            try await writer.finish(nil)
        }
        var response = Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
        if let name = HTTPField.Name("X-Accel-Buffering") { response.headers[name] = "no" }
        return response
    }

    private static func event(links: UInt64?, entries: UInt64?) -> ByteBuffer {
        var text = ""
        if let links { text += "event: links\ndata: \(links)\n\n" }
        if let entries { text += "event: entries\ndata: \(entries)\n\n" }
        return ByteBuffer(string: text)
    }
}

extension RelayCounters {
    /// As it travels.
    var message: ProtoCounters {
        var message = ProtoCounters()
        message.links = links
        message.entries = entries
        return message
    }
}
