// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// The command `attune`.
///
/// Commands run on the main thread, not on the cooperative pool: most of them compute.
@main
struct Attune: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attune",
        abstract: "A language model that knows your writing, and keeps it to itself.",
        discussion: """
            From nothing to a personal chat: attune init, attune train ./notes, attune chat notes.
            Nothing leaves this machine unless you pair a device.
            """,
        version: BuildInfo.line,
        subcommands: [
            InitCommand.self, TrainCommand.self, AskCommand.self, ChatCommand.self, EvalCommand.self,
            DataCommand.self, BaseCommand.self, AdaptersCommand.self, RunsCommand.self, DevicesCommand.self,
            SyncCommand.self, KeyCommand.self,
            BackupCommand.self, RestoreCommand.self,
            StatusCommand.self, DoctorCommand.self, BenchCommand.self, PathsCommand.self, UndoCommand.self,
            TrashCommand.self, PeopleCommand.self,
            ExplainCommand.self,
        ])

    static func main() {
        CrashReports.disable()
        KeySource.protectProcess()
        // A write beyond the limit of file sizes is to fail like one on a full disk, not to end the process.
        signal(SIGXFSZ, SIG_IGN)
        CommandNames.begin(with: Self.self)
        if let problem = CommandNames.problem(in: Array(CommandLine.arguments.dropFirst())) {
            FileHandle.standardError.write(Data("Error: \(problem)\n".utf8))
            exit(withError: ExitCode(ExitStatus.usage.rawValue))
        }
        main(nil)
    }
}
