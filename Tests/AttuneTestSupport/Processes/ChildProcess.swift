// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A process started by a test: no descriptor but the three standard ones, signals as a shell would leave them.
///
/// Foundation's `Process` learns of an end through a descriptor that other children may hold, so a test that starts
/// and kills many at a time would wait for the wrong ones.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package enum End: Equatable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }

    package let id: pid_t
    private let outputPipe: Int32
    private let end = Mutex<End?>(nil)
    /// One start at a time: between `pipe` and `FD_CLOEXEC` another child would inherit the pipe.
    private static let starting = NSLock()

    /// - Parameters:
    ///   - input: a file to read from; `/dev/null` when nil.
    ///   - output: a file to write to; a pipe that `readLine` reads when nil.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], folder: String,
        input: String? = nil, output: String?, errors: String
    ) throws {
        Self.starting.lock()
        defer { Self.starting.unlock() }
        var pipes: [Int32] = [-1, -1]
        if output == nil {
            guard pipe(&pipes) == 0 else { throw Failure(what: "pipe", code: errno) }
            for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let writing = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        if let output {
            posix_spawn_file_actions_addopen(&actions, 1, output, writing, 0o600)
        } else {
            posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        }
        posix_spawn_file_actions_addopen(&actions, 2, errors, writing, 0o600)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGINT, SIGTERM, SIGPIPE, SIGXFSZ, SIGHUP] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        // env changes the folder and then becomes the program.
        var words = (["env", "-C", folder, executable] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, "env", &actions, &attributes, &words, &variables)
        if pipes[1] >= 0 { close(pipes[1]) }
        outputPipe = pipes[0]
        self.id = id
        guard code == 0 else {
            if pipes[0] >= 0 { close(pipes[0]) }
            throw Failure(what: executable, code: code)
        }
    }

    deinit {
        if outputPipe >= 0 { close(outputPipe) }
        guard end.withLock({ $0 == nil }), id > 0 else { return }
        Foundation.kill(id, SIGKILL)
        var status: Int32 = 0
        waitpid(id, &status, 0)
    }

    /// Sends a signal; does nothing once the process has ended.
    package func send(_ signal: Int32) {
        end.withLock { if $0 == nil { _ = Foundation.kill(id, signal) } }
    }

    /// The next line of its output, without the line feed; nil at the end.
    package func readLine() -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(outputPipe, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
    }

    /// Everything it still prints, line by line, until it closes its output.
    package func remainingLines() -> [String] {
        var lines: [String] = []
        while let line = readLine() { lines.append(line) }
        return lines
    }

    /// Waits for the end.
    ///
    /// - Throws: after `limit` seconds, having killed the process.
    @discardableResult
    package func wait(limit: Double = 600) throws -> End {
        let deadline = ContinuousClock.now + .seconds(limit)
        while true {
            if let found = poll() { return found }
            if ContinuousClock.now > deadline {
                Foundation.kill(id, SIGKILL)
                throw Failure(what: "no end after \(limit) s", code: ETIMEDOUT)
            }
            usleep(2000)
        }
    }

    /// How it ended, or nil while it runs.
    package func poll() -> End? {
        end.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            guard waitpid(id, &status, WNOHANG) == id else { return nil }
            let found: End = status & 0x7F == 0 ? .exit(status >> 8 & 0xFF) : .signal(status & 0x7F)
            known = found
            return found
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        let what: String
        let code: Int32
        var description: String { "\(what): \(String(cString: strerror(code)))" }
    }
}
