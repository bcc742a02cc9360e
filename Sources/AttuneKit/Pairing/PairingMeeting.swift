// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneSync
import AttuneWire
import NIOCore
import NIOHTTP1

/// Where two devices meet to pair.
package struct PairingMeeting: Sendable {
    package let mailbox: any Mailbox
    package let nameplate: String
    /// The relay's name, which the code is bound to; nil on the local network.
    package let authority: String?
    /// The relay's address; nil on the local network.
    package let relay: String?

    package init(mailbox: any Mailbox, nameplate: String, authority: String?, relay: String?) {
        self.mailbox = mailbox
        self.nameplate = nameplate
        self.authority = authority
        self.relay = relay
    }

    /// What a relay says of itself.
    struct Greeting: Sendable {
        /// The name that both devices know the relay by, whatever address each of them uses.
        let authority: String
        /// Whether it takes a new circle with an invite only.
        let asksForInvite: Bool
    }

    /// Asks a relay for its name; nothing of the circle is said.
    ///
    /// - Throws: `PairingError` E-PAIR-008.
    static func greet(_ address: RemoteAddress, client: HTTPClient) async throws -> Greeting {
        do {
            var request = HTTPClientRequest(url: address.base + "/v1/info")
            request.headers.add(name: "Accept", value: "application/protobuf")
            let response = try await client.execute(request, timeout: .seconds(20))
            let body = try await response.body.collect(upTo: 64 << 10)
            guard response.status == .ok, let info = ProtoInfo(canonical: Array(body.readableBytesView)) else {
                throw PairingError.unreachable("\(address) is no relay")
            }
            return Greeting(
                authority: info.authority.isEmpty ? address.authority : info.authority, asksForInvite: info.inviteOnly)
        } catch let error as PairingError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw PairingError.unreachable("\(address) does not answer")
        }
    }
}
