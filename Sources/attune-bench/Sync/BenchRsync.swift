// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// An rsync daemon on loopback, and clients that push to it and pull from it.
final class BenchRsync {
    private let daemon = Process()
    private let path: String
    private let port: Int

    /// Nil if there is no rsync.
    init?(module: String, folder: String) throws {
        let candidates = ["/usr/bin/rsync", "/usr/local/bin/rsync"]
        guard let path = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else { return nil }
        self.path = path
        port = try Self.freePort()
        try FileManager.default.createDirectory(atPath: module, withIntermediateDirectories: true)
        let configuration = """
            use chroot = no
            uid = \(getuid())
            gid = \(getgid())
            [files]
            path = \(module)
            read only = no

            """
        try configuration.write(toFile: folder + "/rsyncd.conf", atomically: true, encoding: .utf8)
        daemon.executableURL = URL(filePath: path)
        daemon.arguments = [
            "--daemon", "--no-detach", "--config", folder + "/rsyncd.conf", "--port", "\(port)", "--address",
            "127.0.0.1", "--log-file", folder + "/rsyncd.log",
        ]
        daemon.standardOutput = FileHandle.nullDevice
        daemon.standardError = FileHandle.nullDevice
        try daemon.run()
        // It takes connections a moment after it starts.
        for _ in 0..<100 where (try? run(["rsync://127.0.0.1:\(port)/files/"])) == nil { usleep(50_000) }
    }

    func push(_ folder: String) throws -> Double { try run(["-a", folder + "/", "rsync://127.0.0.1:\(port)/files/"]) }

    func pull(_ folder: String) throws -> Double { try run(["-a", "rsync://127.0.0.1:\(port)/files/", folder + "/"]) }

    func stop() {
        daemon.terminate()
        daemon.waitUntilExit()
    }

    private func run(_ arguments: [String]) throws -> Double {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let start = ContinuousClock.now
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchFailure("rsync ended with \(process.terminationStatus)")
        }
        return (ContinuousClock.now - start).seconds
    }

    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 ? getsockname(socket, $0, &length) : -1
            }
        }
        guard status == 0 else { throw BenchFailure("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
