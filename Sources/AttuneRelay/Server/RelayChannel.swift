// Attune
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore

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
