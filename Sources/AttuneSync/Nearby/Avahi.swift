// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// The machine's mDNS service, by the programs of avahi-utils: the daemon keeps an announcement only as long as the
/// program that made it runs, and no library is needed where avahi is not.
package enum Avahi {
    static let serviceType = "_attune._tcp"
    /// The item of the TXT record that holds a `NearbyMark`.
    static let markKey = "a"
    /// Most of a list that is read; others on the network decide how long it is.
    private static let listBytes = 1 << 20
    /// Seconds that a list may take.
    private static let listSeconds = 6.0

    /// The services of other devices and of this one.
    ///
    /// - Throws: `SyncError` E-SYNC-073 if avahi is not there or not running; `CancellationError`.
    package static func browse() async throws -> [NearbyService] {
        let program = try Program(
            "avahi-browse", ["--resolve", "--parsable", "--terminate", "--no-db-lookup", serviceType])
        let timer = Task {
            try await Task.sleep(for: .seconds(listSeconds))
            program.end()
        }
        defer { timer.cancel() }
        let output = try await withTaskCancellationHandler {
            try await BlockingWork.run { try program.run(limit: listBytes) }
        } onCancel: {
            program.end()
        }
        try Task.checkCancellation()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { NearbyService(line: $0) }
    }

    /// Announces a service until the task is cancelled.
    ///
    /// - Throws: `SyncError` E-SYNC-073 if avahi is not there, not running, or went away.
    package static func announce(name: String, port: Int, mark: NearbyMark) async throws {
        let program = try Program(
            "avahi-publish-service", [name, serviceType, "\(port)", "\(markKey)=\(mark.text)"])
        try await withTaskCancellationHandler {
            _ = try await Thread.detached { try program.run(limit: 4096) }
        } onCancel: {
            program.end()
        }
        try Task.checkCancellation()
        throw SyncError.noDiscovery("its announcement ended")
    }

    /// A program of avahi-utils, run once.
    private final class Program: @unchecked Sendable {  // guarded by `lock`
        private let process = Process()
        private let output = Pipe()
        private let name: String
        private let lock = NSLock()
        private var isEnded = false

        init(_ name: String, _ arguments: [String]) throws {
            self.name = name
            let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
            guard
                let path = folders.lazy.map({ "\($0)/\(name)" })
                    .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
            else { throw SyncError.noDiscovery("\(name) is not installed") }
            process.executableURL = URL(filePath: path)
            process.arguments = arguments
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
        }

        /// What it printed, at most `limit` bytes; blocks until it has ended.
        func run(limit: Int) throws -> Data {
            do {
                try lock.withLock { if !isEnded { try process.run() } }
            } catch {
                throw SyncError.noDiscovery("\(name) cannot be started")
            }
            guard process.processIdentifier > 0 else { return Data() }
            var data = Data()
            while data.count < limit, let part = try? output.fileHandleForReading.read(upToCount: 4096), !part.isEmpty {
                data += part
            }
            if data.count >= limit { end() }
            process.waitUntilExit()
            guard process.terminationReason == .uncaughtSignal || process.terminationStatus == 0 else {
                throw SyncError.noDiscovery("avahi is not running")
            }
            return data
        }

        func end() {
            lock.withLock {
                isEnded = true
                // It inherits that the milder signals are passed over, and leaves nothing behind: the daemon notices.
                if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            }
        }
    }
}

extension Thread {
    /// Runs `body`, which blocks for long, on a thread of its own.
    fileprivate static func detached<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result(catching: body)) }.start()
        }
    }
}
