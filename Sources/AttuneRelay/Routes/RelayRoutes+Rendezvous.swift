// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    /// Opens a mailbox for an address, or for a device of a circle here that signs the request and names the circle.
    @Sendable func openMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let claim = claim(request)
        let payer = try await opener(request, context)
        _ = try await service.body(of: request, context, limit: 4096, from: service.mailboxBodies)
        let (nameplate, seconds) = try await service.mailboxes.open(for: payer, claim: claim)
        if let claim { service.visitors.know(claim, of: nameplate) }
        var message = ProtoMailboxOpened()
        message.nameplate = nameplate
        message.secondsLeft = UInt32(seconds)
        return try Bodies.answer(message, to: request, status: .created)
    }

    private func opener(_ request: Request, _ context: RelayContext) async throws -> Payer {
        if let circle = request.uri.queryParameters["circle"].flatMap({ CircleID(hex: String($0)) }) {
            do {
                return try await service.caller(of: request, context, circle: circle).payer
            } catch let error as RelayError where error.status != 429 {
                // A device whose circle is not here, or whose clock is wrong, is as good as a stranger.
            }
        }
        try service.takeUnauthenticated(request, context)
        return Payer(service.address(of: request, context))
    }

    @Sendable func burnMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let nameplate = try nameplate(context)
        try await meeting(request, context, nameplate) {
            guard let claim = claim(request) else { throw RelayError.mailboxTaken }
            try await service.mailboxes.burn(nameplate, claim: claim)
        }
        return Bodies.empty(.noContent)
    }

    /// Appends the whole body as one message.
    @Sendable func writeMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (nameplate, side) = (try nameplate(context), try side(context))
        guard let claim = claim(request) else {
            throw RelayError.malformed("Attune-Mailbox is a claim of 32 hexadecimal digits")
        }
        try await meeting(request, context, nameplate) {
            let body = try await service.body(
                of: request, context, limit: MailboxLimits.messageBytes, from: service.mailboxBodies, copies: 2)
            guard body.readableBytes > 0 else { throw RelayError.malformed("a message has at least one byte") }
            try await service.mailboxes.append(
                Array(body.readableBytesView), to: nameplate, side: side, claim: claim)
            service.visitors.know(claim, of: nameplate)
        }
        return Bodies.empty(.created)
    }

    /// The messages that the side in the path has written.
    @Sendable func readMailbox(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (nameplate, side) = (try nameplate(context), try side(context))
        let after = Int(min(try number("after", request, fallback: 0), UInt64(MailboxLimits.messages)))
        let seconds = min(try number("wait", request, fallback: 0), UInt64(limits.waitSeconds))
        try await meeting(request, context, nameplate) {
            let content = try await service.mailboxes.read(nameplate, side: side, after: after)
            guard content.messages.isEmpty, !content.burnt, seconds > 0 else { return }
            await service.mailboxes.wait(nameplate, side: side, after: after, seconds: Double(seconds))
        }
        let bytes = MailboxLimits.messages * MailboxLimits.messageBytes
        return try await service.answer(of: bytes, to: Payer(service.address(of: request, context)), context) {
            let content = try await service.mailboxes.read(nameplate, side: side, after: after)
            var message = ProtoMailbox()
            message.messages = content.messages.map { Data($0) }
            message.burnt = content.burnt
            return try Bodies.answer(message, to: request)
        }
    }

    /// What somebody does at a mailbox, as often as its address may.
    private func meeting(
        _ request: Request, _ context: RelayContext, _ nameplate: String, _ body: () async throws -> Void
    ) async throws {
        try service.visitors.admit(service.address(of: request, context), to: nameplate, claim: claim(request))
        try await service.rationed(request, context, body)
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
