// Attune
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Ends a connection whose peer is slow or silent, whatever it is at: a handshake, a head, a body, an answer; and one
/// whose peer sends what is no request, with an answer that says so.
///
/// Each deadline counts from its start and not from the last byte, so a byte now and then buys nothing. What a peer
/// sends before anybody reads it is bounded as well.
final class ConnectionDeadlines: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: RelayLimits
    private let places: ConnectionPlaces
    private var place: ConnectionPlaces.Place?
    /// Of what the peer has to send: a head, or the rest of a body.
    private var inbound: Scheduled<Void>?
    /// Of an answer of a known length that the peer has to take.
    private var outbound: Scheduled<Void>?
    /// Of a stream that the peer does not take anything of.
    private var stalled: Scheduled<Void>?
    /// The next read of a body that nobody wants.
    private var paced: Scheduled<Void>?
    /// Requests whose answer has not ended.
    private var pending = 0
    private var isBodyUnderWay = false
    /// Whether somebody reads the body.
    private var isBodyRead = false
    /// Bytes that came before anybody read the body.
    private var unread = 0
    /// Whether more would be read now if they were fewer.
    private var isHeld = false
    /// Whether the connection ends with the answer under way.
    private var isLast = false
    private var isStream = false
    /// Whether the newest request is of HTTP/1.0.
    private var isOld = false
    /// Whether the answer to the newest request has begun.
    private var isAnswering = false
    /// Whether what is written is a second answer to it.
    private var isSurplus = false
    /// Of the request that comes next.
    private var line = RequestLine()
    /// Whether the peer sends the body only once it is told that it is wanted.
    private var expectsContinue = false
    /// Called on the connection's thread once no answer is under way any more.
    var onAnswered: (() -> Void)?
    /// Whether bytes that come belong to the request under way, or no request is and one may come.
    var takesMore: Bool { isBodyUnderWay && bodyLeft != 0 || pending == 0 && !isLast }
    /// Whether the connection was closed for what the peer sent: the rest of that is not looked at.
    private(set) var isRefused = false
    /// Bytes of the body under way that have not come; nil if nobody knows how many.
    private(set) var bodyLeft: Int? = 0
    /// Bytes of the body that came so far.
    private(set) var bodyRead = 0

    init(_ limits: RelayLimits, _ places: ConnectionPlaces) {
        self.limits = limits
        self.places = places
    }

    func handlerAdded(context: ChannelHandlerContext) {
        place = places.place(of: context.channel)
        // Holds for a TLS handshake as well: no head comes before its end.
        awaitPeer(context, seconds: Double(limits.headSeconds))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for task in [inbound, outbound, stalled, paced] { task?.cancel() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for task in [inbound, outbound, stalled, paced] { task?.cancel() }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { place?.peerCloses() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isRefused { return }
        // What follows a request that ends the connection is for nobody.
        if isLast, !isBodyUnderWay { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            pending += 1
            guard pending <= limits.pipelinedRequests else { return refuse(context) }
            (isBodyUnderWay, isBodyRead, unread, bodyRead) = (true, false, 0, 0)
            isAnswering = false
            do throws(RelayError) {
                let request = try RequestHead(head, line)
                line = RequestLine()
                bodyLeft = request.bodyBytes
                (expectsContinue, isOld) = (request.expectsContinue, request.isOld)
                if request.isLast { isLast = true }
            } catch {
                return refuse(context, error, to: head.method)
            }
            awaitPeer(context, seconds: limits.seconds(for: min(bodyLeft ?? .max, limits.bodyBytes)))
        case .body(let bytes):
            bodyRead += bytes.readableBytes
            if !isBodyRead { unread += bytes.readableBytes }
            // Where the peer sends no more, the system gives what it has all the same.
            guard unread <= 4 * limits.unreadBytes else { return refuse(context) }
            bodyLeft = bodyLeft.map { max(0, $0 - bytes.readableBytes) }
        case .end:
            isBodyUnderWay = false
            if pending == 0 { answered(context) } else { stopAwaiting() }
        }
        context.fireChannelRead(data)
    }

    /// What the parser cannot read is no request, or the end of a body.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.fireErrorCaught(error) }
        // The parser reads nothing any more.
        bodyLeft = 0
        if isBodyUnderWay {
            if !isAnswering { context.fireErrorCaught(error) }
        } else if pending == 0, !isLast, !isRefused {
            refuse(context, .malformed("this is no request of HTTP/1.1"))
        }
    }

    /// Ends the connection; with an answer, where none is under way, in time for the peer to read it.
    private func refuse(
        _ context: ChannelHandlerContext, _ error: RelayError? = nil, to method: HTTPRequest.Method? = nil
    ) {
        isRefused = true
        guard let error else { return context.close(promise: nil) }
        awaitPeer(context, seconds: Double(limits.drainSeconds))
        for part in Problem.lastParts(error, to: method) { context.write(wrapOutboundOut(part), promise: nil) }
        context.flush()
        context.close(mode: .output, promise: nil)
    }

    /// Takes what comes of a head before the parser does.
    func take(head: ByteBufferView) { line.take(head, limit: limits.headerBytes) }

    /// A body that nobody reads yet stays with the peer, and one of a stranger that was refused comes slowly: hundreds of
    /// them at once must not take the processor from those who are served.
    func read(context: ChannelHandlerContext) {
        isHeld = isBodyUnderWay && !isBodyRead && unread > limits.unreadBytes
        if isHeld { return }
        guard isBodyUnderWay, pending == 0, place?.isProven != true else { return context.read() }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        paced?.cancel()
        paced = context.eventLoop.scheduleTask(in: Self.drainPause) { bound.value.read() }
    }

    /// With 32 KiB at a time, a body of 1 MiB is read in less than two seconds.
    private static let drainPause = TimeAmount.milliseconds(50)

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is BodyIsRead else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        isBodyRead = true
        if expectsContinue, isBodyUnderWay, unread == 0 {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        if isHeld {
            isHeld = false
            context.read()
        }
        promise?.succeed(())
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational: context.write(data, promise: promise)
        case _ where isSurplus: promise?.succeed(())
        case .head where isAnswering:
            // The server has an answer of its own to a body that cannot be read, also behind that of who did not read it.
            isSurplus = true
            promise?.succeed(())
        case .head(let head) where isOld && head.headerFields[.contentLength] == nil && head.status != .noContent:
            // In parts, which HTTP/1.0 does not know, or nobody knows where it ends.
            isSurplus = true
            promise?.succeed(())
            refuse(context, .oldVersion)
        case .head(var head):
            isAnswering = true
            if head.headerFields[.connection] == "close" { isLast = true }
            if isLast { head.headerFields[.connection] = "close" }
            let length = head.headerFields[.contentLength].flatMap { Int($0) }
            isStream = head.headerFields[.contentType] == "text/event-stream"
            outbound?.cancel()
            outbound = isStream ? nil : closing(context, in: limits.seconds(for: length ?? 0))
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            written.futureResult.whenSuccess {
                let (handler, context) = bound.value
                handler.ended(context)
            }
            context.write(data, promise: written)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalled?.cancel()
        stalled = nil
        if isStream, !context.channel.isWritable { stalled = closing(context, in: Double(limits.headSeconds) * 3) }
        context.fireChannelWritabilityChanged()
    }

    /// The peer has the answer, or the kernel has it.
    private func ended(_ context: ChannelHandlerContext) {
        outbound?.cancel()
        outbound = nil
        isStream = false
        pending -= 1
        guard pending == 0 else { return }
        answered(context)
        onAnswered?()
    }

    /// No answer is under way any more.
    private func answered(_ context: ChannelHandlerContext) {
        if isBodyUnderWay {
            // A peer that is still sending does not see the answer where the connection ends at once.
            awaitPeer(context, seconds: Double(limits.drainSeconds))
        } else if isLast {
            context.close(promise: nil)
        } else {
            let isProven = place?.isProven == true
            let seconds = isProven ? limits.idleSeconds : min(limits.idleSeconds, limits.headSeconds)
            awaitPeer(context, seconds: Double(seconds))
        }
    }

    private func awaitPeer(_ context: ChannelHandlerContext, seconds: Double) {
        stopAwaiting()
        inbound = closing(context, in: seconds)
    }

    private func stopAwaiting() {
        inbound?.cancel()
        inbound = nil
    }

    private func closing(_ context: ChannelHandlerContext, in seconds: Double) -> Scheduled<Void> {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        return context.eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) {
            bound.value.close(promise: nil)
        }
    }
}
