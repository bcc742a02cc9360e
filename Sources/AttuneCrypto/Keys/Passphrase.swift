// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium
import Glibc

/// Where passphrases come from; none of the ways leaves one in arguments, logs or pageable memory.
package enum Passphrase {
    /// The most bytes a source may give.
    package static let byteLimit = 64 * 1024

    /// Six words of the recovery list with spaces between them: 6 × 11 = 66 bits of chance.
    ///
    /// At the default cost of a guess that outlasts any attacker; it is not a set of recovery words.
    package static func suggestion() -> String {
        precondition(Sodium.isReady)
        return (0..<6).map { _ in
            RecoveryWordList.words[Int(randombytes_uniform(UInt32(RecoveryWordList.words.count)))]
        }.joined(separator: " ")
    }

    /// Reads a file, less one line break at its end; pipes and `/dev/fd/N` are welcome.
    ///
    /// - Throws: `CryptoError` E-FILE-003 (cannot be read), E-KEY-021 (empty), E-KEY-022 (more than 64 KiB).
    package static func fromFile(_ path: String) throws -> SecretBytes {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CryptoError.unreadableFile(path, errno: errno) }
        defer { close(descriptor) }
        return try fromDescriptor(descriptor, name: path)
    }

    /// Whether other users of the machine may read the file, which its user should be warned about.
    ///
    /// It is no error, because secrets that a container is given are often mounted so.
    package static func isExposed(path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o044 != 0
    }

    /// Reads an open descriptor to its end, less one line break at the end; the descriptor stays open.
    ///
    /// - Throws: as `fromFile`.
    package static func fromDescriptor(_ descriptor: Int32) throws -> SecretBytes {
        try fromDescriptor(descriptor, name: "descriptor \(descriptor)")
    }

    static func fromDescriptor(_ descriptor: Int32, name: String) throws -> SecretBytes {
        // Room for one byte too many and a line break, so that a passphrase of exactly the limit fits.
        var buffer = SecretBytes(count: byteLimit + 3)
        var used = 0
        while used < buffer.count {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + used, $0.count - used)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CryptoError.unreadableFile(name, errno: errno) }
            if count == 0 { break }
            used += count
        }
        let length = buffer.withUnsafeBytes { bytes in
            var length = used
            if length > 0, bytes[length - 1] == UInt8(ascii: "\n") {
                length -= 1
                if length > 0, bytes[length - 1] == UInt8(ascii: "\r") { length -= 1 }
            }
            return length
        }
        guard length > 0 else { throw CryptoError.emptyPassphrase }
        guard length <= byteLimit else { throw CryptoError.longPassphrase }
        return buffer.prefix(length)
    }
}

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
