// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    @Sendable func openMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        try service.takeUnauthenticated(request, context)
        _ = try await Bodies.collect(request, context, limit: 4096, seconds: limits.idleSeconds)
        let (nameplate, seconds) = try await service.mailboxes.open()
        var message = ProtoMailboxOpened()
        message.nameplate = nameplate
        message.secondsLeft = UInt32(seconds)
        return try Bodies.answer(message, to: request, status: .created)
    }

    @Sendable func burnMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let nameplate = try nameplate(context)
        try await service.rationed(request, context) {
            try await service.mailboxes.burn(nameplate, claim: claim(request))
        }
        return Bodies.empty(.noContent)
    }

    /// Appends the whole body as one message.
    @Sendable func writeMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (nameplate, side) = (try nameplate(context), try side(context))
        guard let claim = claim(request) else {
            throw RelayError.malformed("Attune-Mailbox is a claim of 32 hexadecimal digits")
        }
        let body = try await Bodies.collect(
            request, context, limit: MailboxLimits.messageBytes, seconds: limits.idleSeconds)
        guard body.readableBytes > 0 else { throw RelayError.malformed("a message has at least one byte") }
        try await service.rationed(request, context) {
            try await service.mailboxes.append(
                Array(body.readableBytesView), to: nameplate, side: side, claim: claim)
        }
        return Bodies.empty(.created)
    }

    /// The messages that the side in the path has written.
    @Sendable func readMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (nameplate, side) = (try nameplate(context), try side(context))
        let after = Int(min(try number("after", request, fallback: 0), UInt64(MailboxLimits.messages)))
        let seconds = min(try number("wait", request, fallback: 0), UInt64(limits.waitSeconds))
        let content = try await service.rationed(request, context) {
            let content = try await service.mailboxes.read(nameplate, side: side, after: after)
            guard content.messages.isEmpty, !content.burnt, seconds > 0 else { return content }
            await service.mailboxes.wait(nameplate, side: side, after: after, seconds: Double(seconds))
            return try await service.mailboxes.read(nameplate, side: side, after: after)
        }
        var message = ProtoMailbox()
        message.messages = content.messages.map { Data($0) }
        message.burnt = content.burnt
        return try Bodies.answer(message, to: request)
    }

    private func nameplate(_ context: RelayContext) throws -> String {
        guard let text = context.parameters.get("nameplate"), Nameplate.isValid(text) else {
            throw RelayError.malformed("a nameplate has one to four digits")
        }
        return text
    }

    private func side(_ context: RelayContext) throws -> MailboxSide {
        guard let side = context.parameters.get("side").flatMap(MailboxSide.init(rawValue:)) else {
            throw RelayError.notFound
        }
        return side
    }

    private func claim(_ request: Request) -> String? {
        guard let text = HTTPField.Name("Attune-Mailbox").flatMap({ request.headers[$0] }), text.utf8.count == 32,
            let bytes = Hex.decode(text)
        else { return nil }
        return Hex.encode(bytes)
    }
}
