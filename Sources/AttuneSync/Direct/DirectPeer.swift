// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// A device on the local network, told by the hash of its key and by nothing else.
package enum DirectPeer {
    /// Connects once, compares the key of the device that answers, and returns its certificate.
    ///
    /// The client library that carries the requests can only be told which certificate to trust, not to look at the
    /// key of one; so the certificate is fetched first. Whoever answers later must hold its key.
    ///
    /// - Parameter accepts: whether a device whose key has this hash is one to talk to.
    /// - Throws: `PairingError` E-PAIR-008 if nobody answers, `SyncError` E-SYNC-071 for another device.
    package static func certificate(
        host: String, port: Int, identity: DirectIdentity,
        accepts: @escaping @Sendable (Digest256) -> Bool
    ) async throws -> NIOSSLCertificate {
        let found = Mutex<NIOSSLCertificate?>(nil)
        let refused = Mutex(false)
        let isLate = Mutex(false)
        let context = try NIOSSLContext(configuration: identity.probing)
        let done = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(
                        context: context, serverHostname: nil,
                        customVerificationCallback: { certificates, promise in
                            guard let first = certificates.first, let hash = DirectIdentity.keyHash(of: first),
                                accepts(hash)
                            else {
                                refused.withLock { $0 = true }
                                return promise.succeed(.failed)
                            }
                            found.withLock { $0 = first }
                            promise.succeed(.certificateVerified)
                        })
                    try channel.pipeline.syncOperations.addHandlers(handler, HandshakeWatch(done: done))
                }
            }
        do {
            let channel = try await bootstrap.connect(host: host, port: port).get()
            channel.eventLoop.scheduleTask(in: .seconds(20)) {
                isLate.withLock { $0 = true }
                done.succeed()
            }
            try? await done.futureResult.get()
            try? await channel.close()
        } catch {
            done.succeed()
            throw PairingError.unreachable("\(host):\(port) does not answer")
        }
        if refused.withLock({ $0 }) { throw SyncError.otherPeer("\(host):\(port)") }
        guard let certificate = found.withLock({ $0 }) else {
            let fault = isLate.withLock { $0 } ? "does not answer" : "does not speak TLS 1.3"
            throw PairingError.unreachable("\(host):\(port) \(fault)")
        }
        return certificate
    }

    /// Completes a promise once the handshake is over, however it ended.
    private final class HandshakeWatch: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let done: EventLoopPromise<Void>

        init(done: EventLoopPromise<Void>) { self.done = done }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted = event as? TLSUserEvent { done.succeed() }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            done.succeed()
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            done.succeed()
            context.fireChannelInactive()
        }
    }
}
