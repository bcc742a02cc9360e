// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit

/// This device's service for its circle: a server of its own and, where avahi runs, an announcement by mDNS.
package struct DirectService: CircleService {
    package init() {}

    package func serve(
        _ workspace: Workspace, host: String, port: Int, started: @escaping @Sendable (Int) throws -> Void,
        unannounced: @escaping @Sendable (any AttuneError) -> Void
    ) async throws {
        let server = try await DirectServer.start(workspace, host: host, port: port)
        do {
            try started(server.port)
        } catch {
            await server.stop()
            throw error
        }
        if NearbyAnnouncement.makesSense(for: host) {
            await NearbyAnnouncement.run(workspace, port: server.port, failure: unannounced)
        } else {
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        }
        await server.stop()
    }

    package func meet(_ workspace: Workspace, host: String, port: Int) async throws -> any MeetingPlace {
        let mailboxes = LocalMailboxes()
        let server = try await DirectServer.start(
            workspace, host: host, port: port, admitsStrangers: true, mailboxes: mailboxes)
        do {
            let mailbox = try await LocalMailbox(mailboxes)
            let meeting = PairingMeeting(mailbox: mailbox, nameplate: mailbox.nameplate, authority: nil, relay: nil)
            return DirectMeetingPlace(server: server, mailboxes: mailboxes, meeting: meeting)
        } catch {
            await server.stop()
            throw error
        }
    }
}

/// The server and the mailboxes of one pairing.
private struct DirectMeetingPlace: MeetingPlace {
    let server: DirectServer
    let mailboxes: LocalMailboxes
    let meeting: PairingMeeting

    var port: Int { server.port }

    func close(waiting: Bool) async {
        if waiting { await mailboxes.untilParted() }
        await server.stop()
    }
}
