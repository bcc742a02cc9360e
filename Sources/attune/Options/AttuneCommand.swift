// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// A command that reports errors as Attune does: code, reason, remedy on stderr, and the documented exit code.
protocol AttuneCommand: ParsableCommand {
    var global: GlobalOptions { get }
    func execute() throws
}

extension AttuneCommand {
    func run() throws {
        defer { OpenStores.close(global.console) }
        do {
            try execute()
        } catch let error as any AttuneError {
            KeySource.dropTyped()
            global.console.report(error)
            throw ExitCode(error.exitStatus.rawValue)
        } catch let error as ExitCode {
            KeySource.dropTyped()
            throw error
        } catch let error as CleanExit {
            throw error
        } catch let error as ValidationError {
            global.console.report(
                GeneralError(.usage, error.message, remedy: "See: \(CommandNames.words(of: Self.self)) --help"))
            throw ExitCode(ExitStatus.usage.rawValue)
        } catch {
            global.console.report(
                GeneralError(
                    .unnamed, String(describing: error), remedy: "Look at the state of the store: attune doctor"))
            throw ExitCode(ExitStatus.failure.rawValue)
        }
    }
}
