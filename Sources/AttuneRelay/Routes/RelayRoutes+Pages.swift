// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird
import SwiftProtobuf

/// Pages of links and entries, as the bytes that are stored.
extension RelayRoutes {
    /// Most bytes of a page: what it ends at and one more item, as they are read and as they are sent.
    private static let pageBytes = 2 * ((4 << 20) + (1 << 20))

    /// Answers with a page as a message whose field 1 has the items, 2 says whether more follow, and `next` is field 3.
    ///
    /// The place of its device is held until the page was read, or its reader is gone.
    func page<Message: SwiftProtobuf.Message>(
        _ request: Request, _ context: RelayContext, caller: Caller, as type: Message.Type,
        _ read: () async throws -> (items: [[UInt8]], more: Bool, next: UInt64)
    ) async throws -> Response {
        let device = caller.device.id
        guard service.pages.take(device) else { throw RelayError.tooMany("pages at once", retryAfter: 1) }
        let place = AtEnd { [service] in service.pages.give(device) }
        return try await service.answer(of: Self.pageBytes, to: caller.payer, context) {
            let message = try await Self.message(read())
            guard try Bodies.isProtobufAccepted(by: request) else {
                return try Bodies.answer(Message(serializedBytes: Array(message.readableBytesView)), to: request)
            }
            let body = ResponseBody(contentLength: message.readableBytes) { writer in
                defer { withExtendedLifetime(place) {} }
                try await writer.write(message)
                try await writer.finish(nil)
            }
            return Response(
                status: .ok, headers: [.contentType: "application/protobuf", .cacheControl: "no-store"], body: body)
        }
    }

    private static func message(_ page: (items: [[UInt8]], more: Bool, next: UInt64)) -> ByteBuffer {
        var message = ByteBuffer()
        message.reserveCapacity(page.items.reduce(32) { $0 + $1.count + 8 })
        for item in page.items {
            message.writeInteger(UInt8(0x0a))
            message.writeVarint(UInt64(item.count))
            message.writeBytes(item)
        }
        if page.more { message.writeBytes([0x10, 1]) }
        if page.next > 0 {
            message.writeInteger(UInt8(0x18))
            message.writeVarint(page.next)
        }
        return message
    }
}

extension ByteBuffer {
    fileprivate mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }
}
