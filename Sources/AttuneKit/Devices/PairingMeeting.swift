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

    /// The name that both devices know the relay by, whatever address each of them uses.
    ///
    /// - Throws: `PairingError` E-PAIR-008.
    static func authority(of address: RemoteAddress, client: HTTPClient) async throws -> String {
        do {
            var request = HTTPClientRequest(url: address.base + "/v1/info")
            request.headers.add(name: "Accept", value: "application/protobuf")
            let response = try await client.execute(request, timeout: .seconds(20))
            let body = try await response.body.collect(upTo: 64 << 10)
            guard response.status == .ok, let info = ProtoInfo(canonical: Array(body.readableBytesView)) else {
                throw PairingError.unreachable("\(address) is no relay")
            }
            return info.authority.isEmpty ? address.authority : info.authority
        } catch let error as PairingError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw PairingError.unreachable("\(address) does not answer")
        }
    }
}
