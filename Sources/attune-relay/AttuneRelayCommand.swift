// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneRelay
import Foundation

/// The command `attune-relay`: keeps and passes on what devices have sealed, and cannot open it.
@main
struct AttuneRelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attune-relay", abstract: "Keeps and passes on the sealed adapters of devices.",
        discussion: """
            A relay learns the addresses of devices, when they sync, how many there are, and padded sizes. It never has \
            a key.
            """,
        version: "attune-relay 0.1.0",
        subcommands: [
            ServeCommand.self, InviteCommand.self, StatusCommand.self, QuotaCommand.self, GarbageCommand.self,
            CheckCommand.self, DeleteCommand.self, UndeleteCommand.self,
        ])

    static func main() async {
        CrashReports.disable()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as any AttuneError {
            end(error)
        } catch let error as RelayServer.CannotListen {
            end(RelayProcessError.cannotListen(error))
        } catch {
            exit(withError: error)
        }
    }

    private static func end(_ error: any AttuneError) -> Never {
        FileHandle.standardError.write(Data("attune-relay: \(error)\n".utf8))
        Foundation.exit(error.exitStatus.rawValue)
    }
}
