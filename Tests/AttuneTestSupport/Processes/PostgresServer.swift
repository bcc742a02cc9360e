// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A PostgreSQL server of its own, in a folder of its own, on a socket of its own.
package final class PostgresServer: Sendable {
    private let folder: TemporaryDirectory
    private let isDurable: Bool
    private let process: Mutex<ChildProcess>

    /// Why there is none, or nil where Debian's package is installed.
    package static let absence: String? =
        programs == nil ? "PostgreSQL is not installed; tools/install-libraries postgres installs it" : nil

    private static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }.first {
            FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
        }
    }()

    /// Makes a cluster, starts it and returns once it takes connections.
    ///
    /// - Parameter isDurable: whether it waits for the disk, as it does where it is used.
    package init(isDurable: Bool = false) throws {
        self.isDurable = isDurable
        folder = try TemporaryDirectory()
        let path = folder.path
        // It refuses to run as root, and its user has to reach its folder.
        if geteuid() == 0, let user = getpwnam("postgres") {
            chown(path, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let initdb = try Self.start(
            Self.prefix + [
                (Self.programs ?? "") + "/initdb", "-D", path + "/data", "-U", "attune", "-A", "trust", "--no-sync",
                "-E", "UTF8", "--no-locale",
            ], errors: path)
        guard try initdb.wait(limit: 60) == .exit(0) else { throw Failure(log: Self.log(path)) }
        process = Mutex(try Self.serve(path, isDurable: isDurable))
    }

    /// Words that run a program as a user that the server takes.
    private static var prefix: [String] { geteuid() == 0 ? ["runuser", "-u", "postgres", "--"] : [] }

    /// Starts the server and returns once it takes connections.
    private static func serve(_ path: String, isDurable: Bool) throws -> ChildProcess {
        let programs = Self.programs ?? ""
        let process = try start(
            prefix + [
                programs + "/postgres", "-D", path + "/data", "-k", path, "-c", "listen_addresses=", "-c",
                "fsync=\(isDurable ? "on" : "off")", "-c", "max_connections=60",
            ], errors: path)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let ready = try start(prefix + [programs + "/pg_isready", "-h", path, "-q"], errors: path)
            if try ready.wait(limit: 10) == .exit(0) { break }
            guard ContinuousClock.now < deadline, process.poll() == nil else { throw Failure(log: Self.log(path)) }
        }
        return process
    }

    /// Ends the server at once, as if it had crashed, and starts it again: what was committed is there.
    package func crash() throws {
        let text = try String(contentsOfFile: folder.path + "/data/postmaster.pid", encoding: .utf8)
        guard let id = text.split(separator: "\n").first.flatMap({ pid_t($0) }), kill(id, SIGQUIT) == 0 else {
            throw Failure(log: Self.log(folder.path))
        }
        try process.withLock { process in
            _ = try process.wait(limit: 30)
            process = try Self.serve(folder.path, isDurable: isDurable)
        }
    }

    private static func start(_ words: [String], errors folder: String) throws -> ChildProcess {
        try ChildProcess(
            words[0], Array(words.dropFirst()),
            environment: ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"], folder: "/",
            output: "/dev/null", errors: folder + "/errors")
    }

    /// Where its files lie.
    package var path: String { folder.path }

    /// Writes all that the database holds to a file; bytes in hexadecimal.
    package func dump(to file: String) throws { try client("pg_dump", ["--inserts", "--no-owner", "-f", file]) }

    /// Runs the statements in a file.
    package func load(_ file: String) throws { try client("psql", ["-v", "ON_ERROR_STOP=1", "-q", "-f", file]) }

    /// Runs statements.
    package func execute(_ sql: String) throws { try client("psql", ["-v", "ON_ERROR_STOP=1", "-c", sql]) }

    private func client(_ program: String, _ arguments: [String]) throws {
        // Errors go to a file of their own: the server has the one in its folder open.
        let errors = try TemporaryDirectory()
        let path = (Self.programs ?? "") + "/" + program
        let process = try Self.start(
            [path, "-h", folder.path, "-U", "attune", "-d", "postgres"] + arguments, errors: errors.path)
        guard try process.wait(limit: 120) == .exit(0) else { throw Failure(log: Self.log(errors.path)) }
    }

    /// As `ATTUNE_RELAY_DATABASE` has it.
    package var address: String { "host=\(folder.path) user=attune dbname=postgres" }

    deinit {
        // runuser passes it on: fast shutdown.
        process.withLock { process in
            process.send(SIGINT)
            _ = try? process.wait(limit: 20)
        }
    }

    private static func log(_ path: String) -> String {
        (try? String(contentsOfFile: path + "/errors", encoding: .utf8)) ?? ""
    }

    private struct Failure: Error, CustomStringConvertible {
        let log: String
        var description: String { "PostgreSQL: \(log)" }
    }
}
