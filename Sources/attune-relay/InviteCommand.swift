// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay

/// `attune-relay invite`: a token that lets one person open a circle.
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Print a token that lets one circle be opened here.")

    @Option(help: "Folder of the relay's data.") var dir: String

    func run() async throws {
        let token = InviteToken.make()
        try await SQLiteRelayStore(folder: dir).addInvite(token)
        print(token)
    }
}
