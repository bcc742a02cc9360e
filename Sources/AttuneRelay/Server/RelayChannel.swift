// Attune
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore

/// Closes connections of those who arrive too often before anything is made for them, and lets the others in one after
/// the other.
final class ArrivingConnections: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let places: ConnectionPlaces
    private let trusted: Set<String>
    private var turns: ArrivalTurns<any Channel>
    /// How many more are let in before the next pause.
    private var left: Int
    private static let pause = TimeAmount.milliseconds(10)

    private init(_ service: RelayService) {
        places = service.places
        trusted = service.configuration.trustedProxies
        turns = ArrivalTurns(limit: places.arrivals.waiting)
        left = places.arrivals.atOnce
    }

    /// Stands before everything else of the channel that listens.
    static func watch(_ listener: any Channel, _ service: RelayService) async throws {
        try await listener.eventLoop.submit {
            try listener.pipeline.syncOperations.addHandler(ArrivingConnections(service), position: .first)
        }.get()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard let address = places.stranger(channel, trusted: trusted) else { return context.fireChannelRead(data) }
        guard places.arrivals.admit(address) else { return channel.close(promise: nil) }
        turns.add(channel, of: address.network)?.close(promise: nil)
        letIn(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        for channel in turns.removeAll() { channel.close(promise: nil) }
        context.fireChannelInactive()
    }

    private func letIn(_ context: ChannelHandlerContext) {
        while left > 0, let channel = turns.next() {
            if left == places.arrivals.atOnce { endPause(context) }
            left -= 1
            context.fireChannelRead(wrapInboundOut(channel))
        }
    }

    private func endPause(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (handler, context) = bound.value
            handler.left = handler.places.arrivals.atOnce
            handler.letIn(context)
        }
    }
}

/// A connection of HTTP/1.1, or of TLS with it inside, that is let in only where there is a place for it.
struct RelayChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let places: ConnectionPlaces
    let trusted: Set<String>

    private struct NoPlace: Error {}

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        guard places.enter(channel, trusted: trusted) else {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(NoPlace())
        }
        // A peer that sends what nobody reads yet fills a small buffer only.
        let small = AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 4 << 10, maximum: 32 << 10)
        return channel.setOption(.recvAllocator, value: small).flatMap {
            channel.setOption(.maxMessagesPerRead, value: 1)
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
