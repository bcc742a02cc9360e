// Attune
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// A server that answers every request with the same bytes, however it is asked.
struct HostileServer {
    let channel: any Channel
    var address: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    /// - Parameters:
    ///   - answer: sent once a request comes.
    ///   - drip: sent again and again after it, every 20 ms.
    init(answer: String, drip: String? = nil) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer: answer, drip: drip))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() async throws { try await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let answer: String
        private let drip: String?

        init(answer: String, drip: String?) {
            self.answer = answer
            self.drip = drip
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let channel = context.channel
            channel.writeAndFlush(ByteBuffer(string: answer), promise: nil)
            guard let drip else { return }
            channel.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(20), delay: .milliseconds(20)) { task in
                guard channel.isActive else { return task.cancel() }
                channel.writeAndFlush(ByteBuffer(string: drip), promise: nil)
            }
        }
    }
}
