// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium
import Glibc

extension Passphrase {
    /// Runs `/bin/sh -c command` and takes what it prints, less one line break at the end.
    ///
    /// The command keeps standard input and error, so that it may ask something; it inherits no other descriptor.
    ///
    /// - Throws: `CryptoError` E-KEY-024 (cannot be started, or ends with a failure), E-KEY-021, E-KEY-022.
    package static func fromCommand(_ command: String) throws -> SecretBytes {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw CryptoError.commandFailed("no pipe for its output") }
        defer { close(ends[0]) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        let words = (["/bin/sh", "-c", command] as [String]).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var process = pid_t()
        let started = posix_spawn(&process, "/bin/sh", &actions, nil, words + [nil], environ)
        close(ends[1])
        guard started == 0 else { throw CryptoError.commandFailed("it cannot be started") }

        let output = Result { () throws -> SharedSecret in
            SharedSecret(try fromDescriptor(ends[0], name: "the command's output"))
        }
        // Reads on, so that a command with too much to say ends by itself; what it says is not kept.
        var rest = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(ends[0], &rest, rest.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw CryptoError.commandFailed("it ended with a failure") }
        return try output.get().bytes.copy()
    }

    /// Carries a secret through `Result`, which cannot hold a noncopyable value.
    private final class SharedSecret: Sendable {
        let bytes: SecretBytes
        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }
}
