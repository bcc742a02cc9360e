// Attune
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore

/// Gives the parser of requests little at a time where heads may come: a peer that sends thousands of them at once is
/// refused after the first few, and the others are never parsed.
final class RequestBytes: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var requests: ConnectionDeadlines?
    private static let slice = 1 << 10
    /// Of a body of unknown length, whose parts have heads too.
    private static let chunkedSlice = 4 << 10

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if requests == nil {
            requests = try? context.pipeline.syncOperations.handler(type: ConnectionDeadlines.self)
        }
        var bytes = unwrapInboundIn(data)
        while bytes.readableBytes > 0, requests?.isRefused != true {
            let length = (requests?.bodyLeft).map { max(Self.slice, $0) } ?? Self.chunkedSlice
            guard let slice = bytes.readSlice(length: min(length, bytes.readableBytes)) else { return }
            context.fireChannelRead(wrapInboundOut(slice))
        }
    }

    /// A connection of HTTP/1.1 that has it before its parser.
    struct Channel<Base: ServerChildChannel>: ServerChildChannel {
        let base: Base

        func setup(channel: any NIOCore.Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RequestBytes())
            }.flatMap { base.setup(channel: channel, logger: logger) }
        }

        func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
    }
}
