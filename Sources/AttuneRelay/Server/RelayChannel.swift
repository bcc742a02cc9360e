// Attune
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore

/// Closes connections of those who arrive too often before anything is made for them.
final class ArrivingConnections: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let places: ConnectionPlaces
    private let trusted: Set<String>

    private init(_ service: RelayService) {
        places = service.places
        trusted = service.configuration.trustedProxies
    }

    /// Stands before everything else of the channel that listens.
    static func watch(_ listener: any Channel, _ service: RelayService) async throws {
        try await listener.eventLoop.submit {
            try listener.pipeline.syncOperations.addHandler(ArrivingConnections(service), position: .first)
        }.get()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard places.admits(channel, trusted: trusted) else {
            channel.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
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
