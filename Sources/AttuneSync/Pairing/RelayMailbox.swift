// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneWire
import NIOCore
import NIOHTTP1
import SwiftProtobuf

/// A mailbox at a relay, or at a device that serves the same routes on the local network.
package struct RelayMailbox: Mailbox {
    /// Seconds that one request waits for a message.
    private static let wait = 25
    private static let answerBytes = 256 << 10

    private let client: HTTPClient
    /// Address up to and without `/v1`.
    private let address: String
    private let side: PairingSide
    /// Proves that all messages of this side come from the same device.
    private let token: String
    /// One to four digits.
    package let nameplate: String

    /// A mailbox that the other side opened.
    package init(client: HTTPClient, address: String, nameplate: String, side: PairingSide) {
        self.init(client: client, address: address, nameplate: nameplate, side: side, token: Self.makeToken())
    }

    private init(client: HTTPClient, address: String, nameplate: String, side: PairingSide, token: String) {
        self.token = token
        self.client = client
        self.address = address
        self.nameplate = nameplate
        self.side = side
    }

    private static func makeToken() -> String {
        Hex.encode(SecretBytes(random: 16).withUnsafeBytes { Array($0) })
    }

    /// Opens a mailbox, whose old side is this device's from then on: nobody else can write there or burn it.
    ///
    /// - Parameter member: signs the request, so that a relay which has the circle gives a place that strangers cannot
    ///   take; nil opens as a stranger.
    /// - Throws: `PairingError` E-PAIR-008.
    package static func open(
        client: HTTPClient, address: String, as member: HTTPTransport? = nil
    ) async throws -> RelayMailbox {
        let token = makeToken()
        var request: HTTPClientRequest
        if let member {
            request = try member.signed(member.call(.POST, "/v1/rendezvous", query: "circle=\(member.circle)"))
        } else {
            request = HTTPClientRequest(url: address + "/v1/rendezvous")
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/protobuf")
        }
        request.headers.add(name: "Attune-Mailbox", value: token)
        let (status, body) = try await Self.send(request, by: client)
        guard status == .ok || status == .created, let opened = ProtoMailboxOpened(canonical: body),
            (1...4).contains(opened.nameplate.utf8.count), opened.nameplate.utf8.allSatisfy({ 48...57 ~= $0 })
        else { throw PairingError.unreachable("the relay opened no mailbox (status \(status.code))") }
        return RelayMailbox(
            client: client, address: address, nameplate: opened.nameplate, side: .old, token: token)
    }

    package func leave(_ message: [UInt8]) async throws {
        var request = request(.POST, side.name)
        request.headers.add(name: "Content-Type", value: "application/octet-stream")
        request.body = .bytes(ByteBuffer(bytes: message))
        let (status, _) = try await Self.send(request, by: client)
        switch status.code {
        case 200..<300: return
        case 404, 409: throw PairingError.noMailbox
        case 410: throw PairingError.abandoned
        default: throw PairingError.unreachable("the relay takes no message (status \(status.code))")
        }
    }

    package func take(after count: Int, until deadline: ContinuousClock.Instant) async throws -> MailboxMessages {
        let left = Int((deadline - .now).seconds)
        let wait = max(1, min(Self.wait, left))
        let request = request(.GET, "\(side.other.name)?after=\(count)&wait=\(wait)")
        let (status, body) = try await Self.send(request, by: client, timeout: .seconds(Int64(wait) + 15))
        switch status.code {
        case 200:
            guard let mailbox = ProtoMailbox(canonical: body) else {
                throw PairingError.badMessage("the relay's answer is malformed")
            }
            return MailboxMessages(messages: mailbox.messages.map(Array.init), isBurnt: mailbox.burnt)
        case 204: return MailboxMessages(messages: [], isBurnt: false)
        case 404 where count == 0: throw side == .old ? PairingError.expired : PairingError.noMailbox
        case 404, 410: return MailboxMessages(messages: [], isBurnt: true)
        default: throw PairingError.unreachable("the relay gives no messages (status \(status.code))")
        }
    }

    package func burn() async {
        // Also where the task was cancelled: that is when a code has to go.
        let request = request(.DELETE, nil)
        let client = client
        await Task.detached { _ = try? await Self.send(request, by: client, timeout: .seconds(5)) }.value
    }

    private func request(_ method: HTTPMethod, _ rest: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "\(address)/v1/rendezvous/\(nameplate)" + (rest.map { "/" + $0 } ?? ""))
        request.method = method
        request.headers.add(name: "Attune-Mailbox", value: token)
        request.headers.add(name: "Accept", value: "application/protobuf")
        return request
    }

    private static func send(
        _ request: HTTPClientRequest, by client: HTTPClient, timeout: TimeAmount = .seconds(20)
    ) async throws -> (status: HTTPResponseStatus, body: [UInt8]) {
        do {
            let response = try await client.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: answerBytes)
            return (response.status, Array(body.readableBytesView))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw PairingError.unreachable("no answer from \(request.url.prefix { $0 != "?" })")
        }
    }
}
