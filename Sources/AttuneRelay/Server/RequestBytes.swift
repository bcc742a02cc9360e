// Attune
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore

/// Gives the parser of requests one request at a time: what a peer sends behind it stays as it is, and with the peer,
/// until the one before was answered and others had their turn.
final class RequestBytes: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var requests: ConnectionDeadlines?
    private var context: ChannelHandlerContext?
    /// What came and was not given on; no more than one read brings.
    private var waiting = ByteBuffer()
    /// Whether more would be read now if nothing waited.
    private var isHeld = false
    private var isGiving = false
    /// Of a body of unknown length, whose parts have heads too.
    private static let chunkedSlice = 4 << 10
    /// Bytes of a body in parts, with all that stands between them, and how many may be no part of it beside as many
    /// as are: sizes and extensions count for no limit of the body.
    private var raw = 0
    private static let framingBytes = 16 << 10

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        requests?.onAnswered = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if requests == nil {
            requests = try? context.pipeline.syncOperations.handler(type: ConnectionDeadlines.self)
            requests?.onAnswered = { [weak self] in self?.answered() }
        }
        var bytes = unwrapInboundIn(data)
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeBuffer(&bytes) }
        give(context)
    }

    func read(context: ChannelHandlerContext) {
        isHeld = waiting.readableBytes > 0
        if !isHeld { context.read() }
    }

    /// Goes on after an answer, once what else is to be done on this thread was done.
    private func answered() {
        guard waiting.readableBytes > 0, let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            guard let context = bound.value.context else { return }
            bound.value.give(context)
            // What was given on is parsed at once, but nobody is told of its end yet.
            context.fireChannelReadComplete()
        }
    }

    /// Gives on what belongs to the request under way, or the next head where there is none.
    private func give(_ context: ChannelHandlerContext) {
        // An answer may end while its request is given on.
        guard !isGiving else { return }
        isGiving = true
        defer { isGiving = false }
        while waiting.readableBytes > 0, requests?.isRefused != true, requests?.takesMore != false {
            let isHead = requests?.bodyLeft == 0
            guard let slice = waiting.readSlice(length: next) else { break }
            let isInParts = requests.map { $0.bodyLeft == nil } ?? false
            if isHead { requests?.take(head: slice.readableBytesView) }
            context.fireChannelRead(wrapInboundOut(slice))
            guard isInParts, let requests else { continue }
            raw += slice.readableBytes
            if raw > 2 * requests.bodyRead + Self.framingBytes {
                waiting.clear()
                return context.close(promise: nil)
            }
        }
        if requests?.isRefused == true { waiting.clear() }
        guard waiting.readableBytes == 0 else { return }
        waiting = ByteBuffer()
        guard isHeld else { return }
        isHeld = false
        context.read()
    }

    /// Bytes up to the end of the head or the body under way, as far as they are here.
    private var next: Int {
        let count = waiting.readableBytes
        guard let left = requests?.bodyLeft else { return min(Self.chunkedSlice, count) }
        if left > 0 { return min(left, count) }
        return waiting.withUnsafeReadableBytes { bytes in
            // An empty line ends a head, whichever way lines end; what came before may have ended with a line.
            var start = 0
            while start < count {
                var end = start
                while end < count, bytes[end] == 10 || bytes[end] == 13 { end += 1 }
                if bytes[start..<end].contains(10) { return end }
                guard let line = bytes[start...].firstIndex(of: 10) else { break }
                start = line + 1
            }
            return count
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
