// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The command `attune-relay`: keeps and passes on what devices have sealed, and cannot open it.
@main
struct AttuneRelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attune-relay", abstract: "Keeps and passes on the sealed adapters of devices.",
        discussion: """
            A relay learns the addresses of devices, when they sync, how many there are, and padded sizes. It never has
            a key.
            """,
        subcommands: [ServeCommand.self, InviteCommand.self])
}
