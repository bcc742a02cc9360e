// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The real `attune-relay`, over a folder of its own or one that is given.
package final class RelayProcess: Sendable {
    package let folder: String
    /// Such as `http://127.0.0.1:40123`.
    package let address: String
    package let process: ChildProcess
    private let owned: TemporaryDirectory
    package var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    /// Starts a relay and returns once it listens.
    ///
    /// - Parameters:
    ///   - limits: whether the limits of requests are the usual ones; by default nothing in a test meets them.
    ///   - options: further options of `serve`.
    ///   - program: the program; the one beside this one by default.
    package init(
        folder: String? = nil, listen: String = "127.0.0.1:0", limits: Bool = false, options: [String] = [],
        environment: [String: String] = [:], program: String? = nil
    ) throws {
        owned = try TemporaryDirectory()
        self.folder = folder ?? owned.path + "/relay"
        let loose = [
            "--requests-per-minute", "1000000", "--unauthenticated-per-minute", "1000000", "--circles-per-hour",
            "1000000", "--transfers-per-minute", "1000000", "--mailbox-visits", "1000000",
            "--connections-per-address", "4000", "--stranger-connections-per-address", "1000",
            "--connections-per-device", "4000",
        ]
        process = try ChildProcess(
            try program.map { URL(filePath: $0).path } ?? Self.binary,
            ["serve", "--listen", listen, "--dir", self.folder] + (limits ? [] : loose) + options,
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"].merging(environment) { $1 },
            folder: owned.path, output: nil, errors: owned.path + "/errors")
        guard let line = process.readLine(), line.hasPrefix("Listening on http") else {
            let errors = (try? String(contentsOfFile: owned.path + "/errors", encoding: .utf8)) ?? ""
            throw NotListening(errors: errors)
        }
        address = String(line.dropFirst("Listening on ".count))
    }

    /// What it wrote to its log so far.
    package var log: String { (try? String(contentsOfFile: owned.path + "/errors", encoding: .utf8)) ?? "" }

    /// Asks it to end and waits until it has.
    package func stop() throws -> ChildProcess.End {
        process.send(SIGTERM)
        return try process.wait(limit: 30)
    }

    /// The binary that was built beside this one.
    package static var binary: String { get throws { try AttuneProcess.program("attune-relay") } }

    private struct NotListening: Error, CustomStringConvertible {
        let errors: String
        var description: String { "the relay does not listen: \(errors)" }
    }
}
